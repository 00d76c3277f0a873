// SPDX-License-Identifier: Apache-2.0

// Sealed sets by another hand: the files through tink-go, the manifest as JSON.
// seal.cms is openssl's part (run).
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

type file struct {
	Name      string `json:"name"`
	PlainSize int64  `json:"plainSize"`
}

type manifest struct {
	Version int    `json:"version"`
	SetID   string `json:"setId"`
	DataKey []byte `json:"dataKey"`
	Created string `json:"created"`
	Tool    string `json:"tool"`
	Criu    string `json:"criu"`
	Files   []file `json:"files"`
}

func (m *manifest) associated(name string) ([]byte, error) {
	id, err := hex.DecodeString(m.SetID)
	if err != nil || len(id) != 16 {
		return nil, fmt.Errorf("setId %q", m.SetID)
	}
	return []byte("cryopod-seal/1\x00" + string(id) + "\x00" + name), nil
}

func (m *manifest) primitive() (*subtle.AESGCMHKDF, error) {
	return subtle.NewAESGCMHKDF(m.DataKey, "SHA256", 32, 1<<20, 0)
}

func (m *manifest) open(name string, sealed io.Reader, plain io.Writer) (int64, error) {
	p, err := m.primitive()
	if err != nil {
		return 0, err
	}
	aad, err := m.associated(name)
	if err != nil {
		return 0, err
	}
	r, err := p.NewDecryptingReader(sealed, aad)
	if err != nil {
		return 0, err
	}
	return io.Copy(plain, r)
}

func (m *manifest) seal(name string, plain io.Reader, sealed io.Writer) (int64, error) {
	p, err := m.primitive()
	if err != nil {
		return 0, err
	}
	aad, err := m.associated(name)
	if err != nil {
		return 0, err
	}
	w, err := p.NewEncryptingWriter(sealed, aad)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(w, plain)
	return n, errors.Join(err, w.Close())
}

// between opens both files and lets f work.
func between(from, to string, f func(io.Reader, io.Writer) (int64, error)) (int64, error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := f(in, out)
	return n, errors.Join(err, out.Close())
}

// open MANIFEST SET OUT: every file of a set.
func openSet(manifestPath, set, out string) error {
	text, err := os.ReadFile(manifestPath)
	if err != nil {
		return err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	for _, f := range m.Files {
		n, err := between(filepath.Join(set, f.Name), filepath.Join(out, f.Name),
			func(r io.Reader, w io.Writer) (int64, error) { return m.open(f.Name, r, w) })
		if err == nil && n != f.PlainSize {
			err = fmt.Errorf("%d bytes, not %d", n, f.PlainSize)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

// make SRC SET MANIFEST: a set of our own, but for seal.cms.
func makeSet(src, set, manifestPath string) error {
	m := manifest{Version: 1, SetID: "00112233445566778899aabbccddeeff", DataKey: make([]byte, 32),
		Created: "2026-01-01T00:00:00Z", Tool: "tink-go"}
	if _, err := rand.Read(m.DataKey); err != nil {
		return err
	}
	names, err := os.ReadDir(src)
	if err != nil {
		return err
	}
	for _, e := range names {
		name := e.Name()
		n, err := between(filepath.Join(src, name), filepath.Join(set, name),
			func(r io.Reader, w io.Writer) (int64, error) { return m.seal(name, r, w) })
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		m.Files = append(m.Files, file{name, n})
	}
	sort.Slice(m.Files, func(i, j int) bool { return m.Files[i].Name < m.Files[j].Name })
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(manifestPath, text, 0o600)
}

// vector HEX TEXT: the short test vector of docs/seal-format.md opens to TEXT.
func vector(sealed, text string) error {
	m := manifest{SetID: "202122232425262728292a2b2c2d2e2f"}
	for i := byte(0); i < 32; i++ {
		m.DataKey = append(m.DataKey, i)
	}
	raw, err := hex.DecodeString(sealed)
	if err != nil {
		return err
	}
	var plain bytes.Buffer
	if _, err := m.open("pages-1.img", bytes.NewReader(raw), &plain); err != nil {
		return err
	}
	if plain.String() != text {
		return fmt.Errorf("it says %q", plain.String())
	}
	return nil
}

func main() {
	err := errors.New("usage: interop open MANIFEST SET OUT | make SRC SET MANIFEST | vector HEX TEXT")
	switch a := os.Args[1:]; {
	case len(a) == 4 && a[0] == "open":
		err = openSet(a[1], a[2], a[3])
	case len(a) == 4 && a[0] == "make":
		err = makeSet(a[1], a[2], a[3])
	case len(a) == 3 && a[0] == "vector":
		err = vector(a[1], a[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}
