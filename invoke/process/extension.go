package process

import (
	"encoding/json"
	"net/http"

	"github.com/google/uuid"
)

const (
	extensionPath = "/2020-01-01/extension/"
	telemetryPath = "/2022-07-01/telemetry"
	logsPath      = "/2020-08-15/logs"
)

// extension answers the extensions' endpoints. A function may register one of its own, as aws-lambda-go does for
// lambda.WithEnableSIGTERM; it is sent no events. Everything else is not found.
func extension(w *worker, rw http.ResponseWriter, r *http.Request) {
	route := r.Method + " " + r.URL.Path
	switch route {
	case "POST " + extensionPath + "register":
		rw.Header().Set("Lambda-Extension-Identifier", uuid.NewString())
		c := &w.fn.cfg
		write(rw, http.StatusOK, registration(c.FunctionName, c.FunctionVersion, c.Handler))
	case "GET " + extensionPath + "event/next":
		select {
		case <-w.ended:
		case <-r.Context().Done():
		}
	case "POST " + extensionPath + "init/error", "POST " + extensionPath + "exit/error":
		w.fn.cfg.Logger.Warn("function's extension reports an error", "pid", w.id(), "errorType", r.Header.Get("Lambda-Extension-Function-Error-Type"))
		accept(rw)
	case "PUT " + telemetryPath:
		refuse(rw, http.StatusAccepted, document{"Telemetry.NotSupported", "Telemetry API is not supported"})
	case "PUT " + logsPath:
		refuse(rw, http.StatusAccepted, document{"Logs.NotSupported", "Logs API is not supported"})
	default:
		http.NotFound(rw, r)
	}
}

// registration is what an extension is told about the function.
func registration(name, version, handler string) []byte {
	text, _ := json.Marshal(struct { //nolint:errchkjson // three strings
		Name    string `json:"functionName"`
		Version string `json:"functionVersion"`
		Handler string `json:"handler"`
	}{name, version, handler})
	return text
}
