module redhanded.example/keys

go 1.20
