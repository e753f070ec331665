package serve

import (
	"os"
	"time"
)

// config is the configuration file, in YAML or JSON, completed by the flags and the environment.
type config struct {
	// Listen is the address of the API: loopback by default.
	Listen string

	// Hosts are accepted host names without signatures, in addition to localhost and IP addresses.
	Hosts []string

	// Keys are the keys that may sign requests.
	Keys []key

	// TLS makes the server serve the API over https.
	TLS *tlsConfig `yaml:"tls"`

	// Admin is a second address, for operators. nil: there is none.
	Admin *adminConfig

	// Region and Account are those of the embedded streams. Region is also that of all AWS clients.
	Region, Account string

	Store     storeConfig
	Kinesis   kinesisConfig
	Endpoints endpoints
	Functions map[string]functionConfig

	// Drain is the time for running invocations when the server or a mapping stops: 0 means 30 s.
	Drain time.Duration

	file   string            // its path; empty without a file
	places places            // of the settings in it
	flags  map[string]string // the flags that override settings, by their paths
}

// key is an access key.
type key struct {
	ID     string
	Secret secret
}

// tlsConfig are files in PEM.
type tlsConfig struct{ Certificate, Key string }

// adminConfig is the listener for operators.
type adminConfig struct {
	// Listen is its address: 127.0.0.1:4581 by default, and on loopback if it names no host.
	Listen string

	// Token must be in each request; TokenFile is a file that holds it. Beyond loopback one of them is required.
	Token     secret
	TokenFile string `yaml:"tokenFile"`
}

// storeConfig says where definitions and progress are kept. By default they are kept in memory.
type storeConfig struct {
	// Bolt is a file.
	Bolt     string
	DynamoDB *dynamoConfig `yaml:"dynamodb"`
}

// dynamoConfig names the tables of DynamoDB that a fleet of servers shares.
type dynamoConfig struct {
	Table, Endpoint, Worker string
	NoCreate                bool `yaml:"noCreate"`
}

// kinesisConfig says where the streams are: by default on AWS.
type kinesisConfig struct {
	Endpoint string
	Embedded *embeddedConfig
}

// embeddedConfig are streams in this process.
type embeddedConfig struct {
	// Listen is their own loopback address.
	Listen string
	// Path is a file that keeps them. Without one they end with the process.
	Path    string
	Streams []streamConfig
}

// streamConfig is a stream that is created if it is missing.
type streamConfig struct {
	Name   string
	Shards int
}

// endpoints are URLs that replace AWS's own.
type endpoints struct{ Lambda, STS, SQS, SNS, S3 string }

// functionConfig is a function: one of Command, URL, Lambda and Builtin, with its settings.
type functionConfig struct {
	Command []string // a program built for AWS Lambda
	URL     secret   // of a function over HTTP; it may contain a password
	Lambda  string   // a name or an ARN on AWS Lambda, or true for the function that the mapping names
	Builtin string   // print, count or fail

	// With Command.
	Dir, Handler string
	Environment  map[string]secret
	MaxProcesses int `yaml:"maxProcesses"`
	OutputRate   int `yaml:"outputRate"` // bytes per second of its output that are logged; 0 means 256 KiB, -1 all

	// With URL.
	Headers map[string]secret

	// Role is the ARN of the execution role.
	Role       string
	ExternalID secret `yaml:"externalId"`

	// Timeout ends an invocation; 0 means never.
	Timeout time.Duration
}

// builtinConfig is the configuration without a file, for a first try.
func builtinConfig() config {
	return config{
		Kinesis:   kinesisConfig{Embedded: &embeddedConfig{Streams: []streamConfig{{Name: "orders", Shards: 2}}}},
		Functions: map[string]functionConfig{"print": {Builtin: "print"}},
	}
}

// readConfig reads the file at path.
func readConfig(path string) (config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return config{}, err
	}
	return parseConfig(path, data)
}
