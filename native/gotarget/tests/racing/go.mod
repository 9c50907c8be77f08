module redhanded.example/racing

go 1.18
