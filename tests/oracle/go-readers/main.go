// SPDX-License-Identifier: Apache-2.0

// What Flux and Go's servers make of a credential: one JSON request a line on standard input, one
// answer a line on standard output.
//
//	{"op":"ssh-key","key":BYTES,"password":TEXT}           -> public (authorized_keys form)
//	{"op":"known-hosts","text":BYTES,"host":"HOST:PORT","key":BYTES} key: the blob that the host shows
//	{"op":"tls","cert":BYTES,"key":BYTES,"ca":BYTES,"name":TEXT,"now":SECONDS}
//	{"op":"rsa","key":BYTES}                                -> bits
//
// BYTES are base64.  An answer has "ok":true, or "ok":false and "error".
package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"time"

	"github.com/fluxcd/pkg/ssh/knownhosts"
	"golang.org/x/crypto/ssh"
)

type request struct {
	Op       string `json:"op"`
	Key      []byte `json:"key"`
	Password string `json:"password"`
	Text     []byte `json:"text"`
	Host     string `json:"host"`
	Cert     []byte `json:"cert"`
	CA       []byte `json:"ca"`
	Name     string `json:"name"`
	Now      int64  `json:"now"`
}

type answer map[string]any

// As go-git's ssh.NewPublicKeys, which Flux calls; then a signature, which a key with mixed halves fails.
func sshKey(r *request) (answer, error) {
	signer, err := ssh.ParsePrivateKey(r.Key)
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) {
		signer, err = ssh.ParsePrivateKeyWithPassphrase(r.Key, []byte(r.Password))
	}
	if err != nil {
		return nil, err
	}
	signature, err := signer.Sign(rand.Reader, []byte("a message"))
	if err != nil {
		return nil, err
	}
	if err := signer.PublicKey().Verify([]byte("a message"), signature); err != nil {
		return nil, err
	}
	return answer{"public": string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(signer.PublicKey())))}, nil
}

func knownHosts(r *request) (answer, error) {
	check, err := knownhosts.New(r.Text)
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParsePublicKey(r.Key)
	if err != nil {
		return nil, err
	}
	if err := check(r.Host, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 22}, key); err != nil {
		return nil, err
	}
	return answer{}, nil
}

// X509KeyPair, and with a CA and a name what a client says.
func tlsPair(r *request) (answer, error) {
	pair, err := tls.X509KeyPair(r.Cert, r.Key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, err
	}
	if r.CA != nil {
		roots, between := x509.NewCertPool(), x509.NewCertPool()
		if !roots.AppendCertsFromPEM(r.CA) {
			return nil, errors.New("no certificate in the CA bundle")
		}
		for _, der := range pair.Certificate[1:] {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, err
			}
			between.AddCert(c)
		}
		_, err = leaf.Verify(x509.VerifyOptions{DNSName: r.Name, Roots: roots, Intermediates: between,
			CurrentTime: time.Unix(r.Now, 0)})
		if err != nil {
			return nil, err
		}
	}
	return answer{"names": leaf.DNSNames, "issuer": leaf.Issuer.String(), "certificates": len(pair.Certificate)}, nil
}

// As jwt.ParseRSAPrivateKeyFromPEM, which Flux's GitHub App client calls.
func rsaKey(r *request) (answer, error) {
	block, _ := pem.Decode(r.Key)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return answer{"bits": key.N.BitLen()}, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	pair, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an RSA key")
	}
	return answer{"bits": pair.N.BitLen()}, nil
}

var ops = map[string]func(*request) (answer, error){
	"ssh-key": sshKey, "known-hosts": knownHosts, "tls": tlsPair, "rsa": rsaKey,
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var r request
		if err := json.Unmarshal(in.Bytes(), &r); err != nil || ops[r.Op] == nil {
			os.Exit(2)
		}
		a, err := ops[r.Op](&r)
		if err != nil {
			a = answer{"error": err.Error()}
		}
		a["ok"] = err == nil
		if out.Encode(a) != nil {
			os.Exit(1)
		}
	}
}
