package process

import (
	"context"
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
// lambda.WithEnableSIGTERM; it gets no events. Everything else is not found.
func (w *worker) extension(ctx context.Context, r *http.Request) reply {
	c := &w.fn.cfg
	switch r.Method + " " + r.URL.Path {
	case "POST " + extensionPath + "register":
		return reply{status: http.StatusOK, id: uuid.NewString(), body: registration(c.FunctionName, c.FunctionVersion, c.Handler)}
	case "GET " + extensionPath + "event/next":
		<-ctx.Done() // the process's end
		return reply{}
	case "POST " + extensionPath + "init/error", "POST " + extensionPath + "exit/error":
		c.Logger.Warn("function's extension reported an error", "pid", w.id(), "errorType", r.Header.Get("Lambda-Extension-Function-Error-Type"))
		return accept()
	case "PUT " + telemetryPath:
		return refuse(http.StatusAccepted, document{"Telemetry.NotSupported", "Telemetry API is not supported"})
	case "PUT " + logsPath:
		return refuse(http.StatusAccepted, document{"Logs.NotSupported", "Logs API is not supported"})
	}
	return refuse(http.StatusNotFound, notFound)
}

// registration is the description of the function for an extension.
func registration(name, version, handler string) []byte {
	text, _ := json.Marshal(struct { //nolint:errchkjson // three strings
		Name    string `json:"functionName"`
		Version string `json:"functionVersion"`
		Handler string `json:"handler"`
	}{name, version, handler})
	return text
}
