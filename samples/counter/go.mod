module redhanded.example/counter

go 1.21
