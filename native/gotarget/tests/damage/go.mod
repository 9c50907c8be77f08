module redhanded.example/damage

go 1.20
