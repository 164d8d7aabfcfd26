module bulla.dev/tests/go-readers

go 1.19

require (
	github.com/fluxcd/pkg/ssh v0.8.0
	golang.org/x/crypto v0.24.0
)

require golang.org/x/sys v0.21.0 // indirect
