// Package servicemodel checks requests and answers against AWS's own description of a service: botocore's service-2.json, read
// as data.
//
//	model, err := servicemodel.Parse(bytes)                 // of service-2.json
//	report := model.Request(servicemodel.Exchange{…})       // what is sent: method, address, header, body
//	report := model.Answer(operation, servicemodel.Exchange{…})
//	report := model.Value("GetRecordsOutput", tree)         // what was decoded already
//
// It reports unknown and missing members, values of another type, length and range, pattern and enumeration, and errors
// that the operation does not have. A pattern that Go's regular expressions cannot express is reported as unchecked.
//
// The protocols are AWS JSON, the same members as CBOR 1.1, REST with JSON, REST with XML as far as a body is a blob, and AWS
// Query for requests. An answer in XML, a body of XML and a document are reported as unchecked.
//
// A tree is what a decoder gives: nil for null, bool, json.Number, string, []byte for a byte string of CBOR or a body that is
// a blob, time.Time for a time of CBOR, Text for a scalar that is written as text whatever its type, []any, and
// map[string]any. All functions are pure, and a Model may be used concurrently.
package servicemodel
