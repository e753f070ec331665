package lambdaapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// respond writes a successful answer.
func respond(w http.ResponseWriter, status int, body []byte) {
	if status != http.StatusNoContent {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // A client that has disconnected needs no answer.
}

// refuse writes an error as AWS does: its code in a header, type and message in the body.
func refuse(w http.ResponseWriter, e *Error) {
	body := struct {
		Type    string  `json:",omitempty"`
		Upper   *string `json:"Message,omitempty"`
		Message *string `json:"message,omitempty"`
	}{Type: e.Type, Message: &e.Message}
	if upper(e.Code) {
		body.Upper, body.Message = body.Message, nil
	}
	// Strings alone can always be encoded.
	text, _ := Encode(body)
	w.Header().Set("X-Amzn-Errortype", e.Code)
	respond(w, e.Status, text)
}

// upper reports whether the message of an error is a member "Message", and not "message": botocore is case sensitive.
// Source: Lambda's service model, and recorded answers.
func upper(code string) bool {
	return code == codeService || code == codeResourceInUse || code == codeResourceNotFound
}

// Encode writes JSON as AWS does: without escaping <, > and &.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
