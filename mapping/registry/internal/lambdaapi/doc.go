// Package lambdaapi is AWS Lambda's API for event source mappings on the wire: the paths of its operations, the JSON of
// their requests and answers, and its errors, byte for byte. What an operation does is behind Operations.
//
// Its types have the fields of those of package registry, which converts them. They also say what only a request can say,
// such as a member that is present and empty.
package lambdaapi
