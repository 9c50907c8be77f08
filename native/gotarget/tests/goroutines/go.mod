module redhanded.example/goroutines

go 1.21
