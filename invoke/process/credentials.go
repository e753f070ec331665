package process

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

const (
	credentialsPath = "/credentials"

	// keyLifetime is how long a process may use credentials that do not expire until it asks again: SDKs want to be told
	// of an end.
	keyLifetime = time.Hour
)

// environment returns the variables of the one process.
func (w *worker) environment() []string {
	c := &w.fn.cfg
	env := append(slices.Clone(w.fn.env),
		"AWS_LAMBDA_RUNTIME_API="+w.addr,
		"AWS_LAMBDA_LOG_STREAM_NAME="+logStream(time.Now(), c.FunctionVersion),
	)
	if c.Credentials == nil {
		return env
	}
	w.token = rand.Text()
	return append(env,
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://"+w.addr+credentialsPath,
		"AWS_CONTAINER_AUTHORIZATION_TOKEN="+w.token,
	)
}

// keys is the answer of a container credentials endpoint.
type keys struct {
	AccessKeyID     string    `json:"AccessKeyId"`
	SecretAccessKey string    `json:"SecretAccessKey"`
	Token           string    `json:"Token"`
	Expiration      time.Time `json:"Expiration"`
}

// credentials hands the role's credentials to the process, and to nobody without the token of its environment.
func (w *worker) credentials(rw http.ResponseWriter, r *http.Request) {
	provider := w.fn.cfg.Credentials
	if provider == nil {
		http.NotFound(rw, r)
		return
	}
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(w.token)) != 1 {
		w.deny(rw, http.StatusUnauthorized, "Unauthorized", "The token is not the one of AWS_CONTAINER_AUTHORIZATION_TOKEN")
		return
	}
	got, err := provider.Retrieve(r.Context())
	if err != nil {
		w.fn.cfg.Logger.Warn("function's credentials could not be retrieved", "pid", w.id(), "error", err)
		w.deny(rw, http.StatusInternalServerError, "Unavailable", "The credentials could not be retrieved")
		return
	}
	answer := keys{got.AccessKeyID, got.SecretAccessKey, got.SessionToken, got.Expires.UTC().Truncate(time.Second)}
	if !got.CanExpire {
		answer.Expiration = time.Now().UTC().Add(keyLifetime).Truncate(time.Second)
	}
	text, err := json.Marshal(answer)
	if err != nil { // a year of five digits
		w.deny(rw, http.StatusInternalServerError, "Unavailable", "The credentials could not be written")
		return
	}
	write(rw, http.StatusOK, text)
}

// deny answers with an error in the form that SDKs read from a credentials endpoint.
func (w *worker) deny(rw http.ResponseWriter, status int, code, message string) {
	text, _ := json.Marshal(map[string]string{"code": code, "message": message}) //nolint:errchkjson // strings
	write(rw, status, text)
}
