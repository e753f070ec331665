package serve

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// damaged is how many files TestDamagedFilesShowNoSecret damages: 60,000 in .ci/run.
var damaged = flag.Int("damaged", 3_000, "damaged files")

// planted is a configuration with secrets of all kinds.
const planted = `listen: 127.0.0.1:4580
region: us-east-1
keys:
  - id: AKIDOPERATOR
    secret: hush-key
  - {id: AKIDTWO, secret: "hush-two"}
admin: {listen: "127.0.0.1:4581", token: hush-token}
tls: {certificate: server.pem, key: server.key}
kinesis: {endpoint: "http://u:hush-endpoint@127.0.0.1:4567"}
functions:
  ship-orders:
    command: [./ship/bootstrap]
    environment: {TABLE: shipments, TOKEN: hush-variable}
    role: arn:aws:iam::123456789012:role/ship-orders
    externalId: hush-external
  bill:
    url: http://user:hush-password@127.0.0.1:9000/x?code=hush-query
    headers: {Authorization: hush-header}
`

// signs are characters that mean something in YAML.
const signs = "{}[]:,\"'\n -&*!|>%@`#?\t=$\\x0"

// damage deletes, inserts and replaces characters, swaps lines, and cuts the file short.
func damage(r *rand.Rand, text string) string {
	b := []byte(text)
	for range 1 + r.IntN(3) {
		at, sign := r.IntN(len(b)), signs[r.IntN(len(signs))]
		switch r.IntN(6) {
		case 0:
			b = append(b[:at:at], b[at+1:]...)
		case 1:
			b = append(b[:at:at], append([]byte{sign}, b[at:]...)...)
		case 2:
			b[at] = sign
		case 3:
			lines := strings.SplitAfter(string(b), "\n")
			x, y := r.IntN(len(lines)), r.IntN(len(lines))
			lines[x], lines[y] = lines[y], lines[x]
			b = []byte(strings.Join(lines, ""))
		case 4: // as where a colon has lost its space, or a line its end
			b = []byte(strings.Replace(string(b[:at])+strings.Replace(string(b[at:]), ": ", ":", 1), "\n    ", "\n  ", r.IntN(2)))
		case 5:
			if r.IntN(10) == 0 {
				b = b[:max(10, at)]
			}
		}
	}
	return string(b)
}

// said is what the server says of a file when it reads it and makes what it names.
func said(text string) string {
	var log strings.Builder
	c, err := parseConfig("f.yaml", []byte(text))
	if err == nil {
		c.complete(none)
		err = c.validate()
	}
	if err == nil {
		logger := slog.New(slog.NewTextHandler(&log, nil))
		_, err = newFunctions(&c, &account{endpoints: c.Endpoints}, io.Discard, logger)
	}
	return fmt.Sprint(err) + log.String()
}

// TestDamagedFilesShowNoSecret plants secrets in a file, damages it, and looks for them in what is printed.
func TestDamagedFilesShowNoSecret(t *testing.T) {
	t.Parallel()
	const parts = 4 // for as many processors
	for part := range uint64(parts) {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			r, refused := rand.New(rand.NewPCG(11, part)), 0
			for n := range *damaged / parts {
				// Every other file has an endpoint without a user, which is refused before functions are tried.
				text := damage(r, strings.Replace(planted, "u:hush-endpoint@", "", n%2))
				printed := said(text)
				if strings.HasPrefix(printed, "f.yaml: ") {
					refused++
				}
				require.NotContains(t, printed, "hush", text)
			}
			require.Greater(t, refused, *damaged/parts/3, "most damage is seen")
		})
	}
}
