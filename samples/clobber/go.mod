module redhanded.example/clobber

go 1.21
