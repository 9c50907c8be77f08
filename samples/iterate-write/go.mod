module redhanded.example/iterate-write

go 1.21
