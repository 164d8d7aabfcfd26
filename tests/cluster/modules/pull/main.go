// SPDX-License-Identifier: Apache-2.0

// Command pull reads pull secrets as those do who pull images: the kubelet with its keyring, Flux with
// go-containerregistry's copy of it, crane and its like with a docker config. And it is a registry that wants a login.
//
//	pull registry ADDRESS LOGIN          serve on ADDRESS for the login in the file LOGIN, "USER PASSWORD"
//	pull push REFERENCE LOGIN            push a small image there
//	pull kubelet|flux REFERENCE          pull it with the Secrets on standard input, a v1 SecretList as JSON
//	pull docker REFERENCE                pull it with the config.json in $DOCKER_CONFIG
//	pull kubelet|flux|docker -n REFERENCE...   pull nothing; say which user each would be pulled as, "-" for nobody
//
// What is pulled is read to its end and checked against its digests. No password is ever printed.
package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	fluxkeyring "github.com/google/go-containerregistry/pkg/authn/kubernetes"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/secrets"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("pull: see its source for the usage")
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		log.Fatalf("pull: %v", err)
	}
}

func run(command string, args []string) error {
	switch command {
	case "registry":
		return serve(args[0], args[1])
	case "push":
		return push(args[0], args[1])
	}
	keychain, err := keychainOf(command)
	if err != nil {
		return err
	}
	if args[0] == "-n" {
		return say(keychain, args[1:])
	}
	return pull(keychain, args[0])
}

func login(file string) (*authn.Basic, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	user, password, found := strings.Cut(strings.TrimSuffix(string(text), "\n"), " ")
	if !found {
		return nil, fmt.Errorf("%s is not 'USER PASSWORD'", file)
	}
	return &authn.Basic{Username: user, Password: password}, nil
}

// serve says of each request how it ended, so that a test can count them. The login is read for each: it may change.
func serve(address, file string) error {
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wanted, err := login(file)
		if err != nil {
			log.Fatal(err)
		}
		user, password, given := r.BasicAuth()
		if !given || user != wanted.Username ||
			subtle.ConstantTimeCompare([]byte(password), []byte(wanted.Password)) != 1 {
			fmt.Printf("refused %s %s\n", r.Method, r.URL.Path)
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`,
				http.StatusUnauthorized)
			return
		}
		fmt.Printf("served %s %s %s\n", user, r.Method, r.URL.Path)
		images.ServeHTTP(w, r)
	})
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return http.Serve(listener, handler)
}

func push(reference, file string) error {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return err
	}
	auth, err := login(file)
	if err != nil {
		return err
	}
	image, err := random.Image(1024, 2)
	if err != nil {
		return err
	}
	return remote.Write(ref, image, remote.WithAuth(auth))
}

func keychainOf(reader string) (authn.Keychain, error) {
	if reader == "docker" {
		return authn.DefaultKeychain, nil
	}
	var list corev1.SecretList
	if err := json.NewDecoder(os.Stdin).Decode(&list); err != nil {
		return nil, err
	}
	switch reader {
	case "flux":
		return fluxkeyring.NewFromPullSecrets(context.Background(), list.Items)
	case "kubelet":
		ring, err := secrets.MakeDockerKeyring(list.Items, &credentialprovider.BasicDockerKeyring{})
		return kubelet{ring}, err
	}
	return nil, fmt.Errorf("no reader is called %q", reader)
}

// kubelet takes what the kubelet would try first; it hands an image without tag and digest to its keyring.
type kubelet struct {
	credentialprovider.DockerKeyring
}

func (k kubelet) Resolve(target authn.Resource) (authn.Authenticator, error) {
	found, ok := k.Lookup(target.String())
	if !ok {
		return authn.Anonymous, nil
	}
	first := found[0].AuthConfig
	return authn.FromConfig(authn.AuthConfig{Username: first.Username, Password: first.Password, Auth: first.Auth,
		IdentityToken: first.IdentityToken, RegistryToken: first.RegistryToken}), nil
}

func say(keychain authn.Keychain, references []string) error {
	for _, reference := range references {
		ref, err := name.ParseReference(reference)
		if err != nil {
			return err
		}
		auth, err := keychain.Resolve(ref.Context())
		if err != nil {
			return err
		}
		config, err := auth.Authorization()
		if err != nil {
			return err
		}
		user := config.Username
		if auth == authn.Anonymous {
			user = "-"
		}
		fmt.Println(user)
	}
	return nil
}

func pull(keychain authn.Keychain, reference string) error {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return err
	}
	image, err := remote.Image(ref, remote.WithAuthFromKeychain(keychain))
	if err != nil {
		return err
	}
	if err := validate.Image(image); err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	fmt.Println(digest)
	return nil
}
