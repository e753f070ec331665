// Package filter matches JSON with the filter patterns of AWS Lambda's event source mappings, which are those of
// EventBridge. It drops what a mapping's function does not want to see, and lets users test their patterns.
//
//	p, err := filter.Parse(`{"order": {"status": ["shipped"], "total": [{"numeric": [">=", 100]}]}}`)
//	p.Match([]byte(`{"order": {"id": 7, "status": "shipped", "total": 250.0}}`)) // true
//
// A [Pattern] is matched against a whole JSON text. The [Criteria] of a mapping are matched against records: there, the
// root has the keys data (the record's data as JSON), partitionKey, sequenceNumber, approximateArrivalTimestamp and
// kinesisSchemaVersion.
//
// A pattern has the shape of the event, with an array of values at each leaf. Fields are ANDed, the values of one array
// are ORed:
//
//	["x", 300, true, null]                      equal: strings and keys by character, numbers by value
//	{"prefix": "x"}  {"suffix": "x"}            also {"prefix": {"equals-ignore-case": "x"}}
//	{"equals-ignore-case": "x"}
//	{"wildcard": "a*b"}                         \* and \\ stand for themselves
//	{"numeric": [">", 0, "<=", 5]}              = < <= > >=, JSON numbers only
//	{"cidr": "10.0.0.0/24"}                     IPv4 and IPv6
//	{"anything-but": "x"}                       also a number, ["x", "y"], [1, 2], and {"prefix": "x"} or ["x", "y"] with
//	                                            prefix, suffix, equals-ignore-case or wildcard
//	{"exists": true}  {"exists": false}
//	"$or": [{"a": ["x"]}, {"b": ["y"]}]         in place of a key
//
// What may surprise:
//
//   - Only leaves exist: strings, numbers, true, false and null. An object and an empty array do not, so that
//     {"exists": false} holds for them. Everything but exists needs a leaf: a missing field is not "anything but x".
//   - Arrays count as their elements. Several fields must be found in one element of an array of objects.
//   - A field that must not exist is looked for in the array elements of the fields that sort before it.
//   - Keys are joined by dots: {"a": {"b": [1]}} and {"a.b": [1]} are one pattern, and match both spellings in events.
//   - If a field is given twice, its last array counts in a pattern, and any of its values in an event.
//   - equals-ignore-case compares with the lower and the upper case of each character of the pattern: "straße" matches
//     "STRASSE", and "STRASSE" does not match "straße". "İ" does not match "i".
//   - {"anything-but": {"prefix": []}} holds for every leaf.
//   - A text that is no JSON object matches no pattern. Data that is not JSON passes no filter that asks about data.
//
// All this is what AWS's engine does. It differs in that numbers are compared exactly, whatever their size, while AWS refuses
// a pattern with a number that a double cannot hold; in that a string that spells an IP address is a string; and in
// that equals-ignore-case works for characters beyond U+FFFF, such as emoji, which the engine takes for two question marks.
//
// The text is read once, whatever the number of patterns, and validated on the way. No tree is built, and nothing
// allocated in the usual case.
package filter
