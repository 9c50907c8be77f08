module redhanded.example/read-write

go 1.21
