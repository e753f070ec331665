package process

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

const (
	credentialsPath = "/credentials"

	// keyLifetime is how long a process may use credentials that do not expire until it requests them again: SDKs
	// expect an expiry.
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

// credentials returns the role's credentials to the process. A request without the token of its environment is refused.
func (w *worker) credentials(ctx context.Context, r *http.Request) reply {
	provider := w.fn.cfg.Credentials
	if provider == nil {
		return refuse(http.StatusNotFound, notFound)
	}
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(w.token)) != 1 {
		return deny(http.StatusUnauthorized, "Unauthorized", "The token is not the one of AWS_CONTAINER_AUTHORIZATION_TOKEN")
	}
	got, err := provider.Retrieve(ctx)
	if err != nil {
		w.fn.cfg.Logger.Warn("function's credentials could not be retrieved", "pid", w.id(), "error", err)
		return deny(http.StatusInternalServerError, "Unavailable", "The credentials could not be retrieved")
	}
	answer := keys{got.AccessKeyID, got.SecretAccessKey, got.SessionToken, got.Expires.UTC().Truncate(time.Second)}
	if !got.CanExpire {
		answer.Expiration = time.Now().UTC().Add(keyLifetime).Truncate(time.Second)
	}
	text, err := json.Marshal(answer)
	if err != nil { // a year of five digits
		return deny(http.StatusInternalServerError, "Unavailable", "The credentials could not be written")
	}
	return reply{status: http.StatusOK, body: text}
}

// deny is an error in the form that SDKs read from a credentials endpoint.
func deny(status int, code, message string) reply {
	text, _ := json.Marshal(map[string]string{"code": code, "message": message}) //nolint:errchkjson // strings
	return reply{status: status, body: text}
}
