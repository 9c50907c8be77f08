module redhanded.example/switching

go 1.20
