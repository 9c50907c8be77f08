module redhanded.example/headers

go 1.21
