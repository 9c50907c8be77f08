module redhanded.example/lost-update

go 1.21
