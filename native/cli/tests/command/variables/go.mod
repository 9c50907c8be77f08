module redhanded.example/variables

go 1.21
