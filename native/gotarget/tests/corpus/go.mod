module redhanded.example/corpus

go 1.18
