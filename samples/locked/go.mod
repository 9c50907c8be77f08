module redhanded.example/locked

go 1.21
