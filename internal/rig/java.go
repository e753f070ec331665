package rig

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The versions of the Kinesis Client Library that .ci/rig/java.sh builds a worker for.
const (
	KCL2  = "2.7.2"
	KCL34 = "3.4.2" // keeps its workers' reports and its leader in separate tables next to the lease table
	KCL3  = "3.5.1" // keeps all in the lease table
)

// installJava is the command that builds the Java programs.
const installJava = ".ci/rig/java.sh"

// KCL says how a worker of the Kinesis Client Library is started: .ci/rig/kcl, which lists what it prints.
type KCL struct {
	Version           string // KCL2, KCL34 or KCL3
	Worker            string // its name, which the leases of its shards have
	Application       string // the name of its lease table
	Stream            string // a name, or several "account:name:epoch" with commas between
	Kinesis, DynamoDB string // endpoints

	Certificate *x509.Certificate // of Kinesis's endpoint, if that has TLS
	FanOut      bool              // reads by enhanced fan-out, under the application's name; otherwise it polls
	Failover    time.Duration     // zero: 3 s
	Every       int               // a checkpoint after so many records of a shard; zero: 100
	Settings    []string          // more system properties, "name=value"
}

// Start runs the worker until t ends, and passes each line that it prints to line. Without the Java runtime, or when
// the worker is not built, the test is skipped, or fails if CI=true.
func (k KCL) Start(t testing.TB, line func(string)) *Peer {
	t.Helper()
	mode := "polling"
	if k.FanOut {
		mode = "fanout"
	}
	settings := []string{
		"worker=" + k.Worker, "application=" + k.Application, "stream=" + k.Stream, "mode=" + mode,
		"kinesis=" + k.Kinesis, "dynamodb=" + k.DynamoDB,
	}
	if k.Failover > 0 {
		settings = append(settings, fmt.Sprint("failover=", k.Failover.Milliseconds()))
	}
	if k.Every > 0 {
		settings = append(settings, fmt.Sprint("every=", k.Every))
	}
	if k.Certificate != nil {
		settings = append(settings, "javax.net.ssl.trustStore="+trustStore(t, k.Certificate), "javax.net.ssl.trustStorePassword="+storePassword)
	}
	cmd := java(t, "kcl", k.Version, "Worker", append(settings, k.Settings...))
	return startPeer(t, "KCL "+k.Version+" worker "+k.Worker, cmd, line)
}

// java returns a command that runs a class of .ci/rig with system properties.
func java(t testing.TB, program, version, class string, settings []string) *exec.Cmd {
	t.Helper()
	dir := filepath.Join(folder(t), program)
	binary, err := exec.LookPath("java")
	if err != nil {
		missing(t, "%s needs Java, and there is no java on PATH: install a JDK (11 or later) and Maven, then run `%s`", program, installJava)
	}
	built := filepath.Join(dir, "target", version)
	source, compiled := filepath.Join(dir, "src", class+".java"), filepath.Join(built, "classes", class+".class")
	if !isNewer(compiled, source) {
		missing(t, "%s is not built from its present source: run `%s` in the repository's root, which needs a JDK and Maven", program, installJava)
	}
	// Small and quick to start: several run concurrently, and none for long.
	args := []string{
		"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
		"-cp", filepath.Join(built, "classes") + string(filepath.ListSeparator) + filepath.Join(built, "dependency", "*"),
	}
	for _, s := range settings {
		args = append(args, "-D"+s)
	}
	return exec.Command(binary, append(args, class)...)
}

// isNewer reports whether a file exists that was written after another one.
func isNewer(path, than string) bool {
	a, err := os.Stat(path)
	if err != nil {
		return false
	}
	b, err := os.Stat(than)
	return err == nil && a.ModTime().After(b.ModTime())
}

const storePassword = "changeit"

// trustStore makes a file of a certificate that Java trusts, and returns its path.
func trustStore(t testing.TB, certificate *x509.Certificate) string {
	t.Helper()
	dir := t.TempDir()
	source, store := filepath.Join(dir, "server.pem"), filepath.Join(dir, "trusted.p12")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
	if err := os.WriteFile(source, block, 0o600); err != nil {
		t.Fatalf("rig: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), "keytool", "-importcert", "-noprompt", "-alias", "server",
		"-file", source, "-keystore", store, "-storetype", "PKCS12", "-storepass", storePassword)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("rig: keytool: %v\n%s", err, output)
	}
	return store
}
