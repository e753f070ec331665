// Package modeltest checks, in tests, what goes over the wire against AWS's own service models, which it reads from an
// installed botocore:
//
//	checker := modeltest.New(t, "dynamodb")     // skips the test without botocore
//	client.Transport = checker.Transport(next)  // requests; with CheckAnswers, answers too
//	handler = checker.Handler(handler)          // requests and answers of a server
//	config.OnAnswer = checker.OnAnswer          // a kinesistest.Config: what its Clients ask for and get
//
// A Checker fails its test when the test ends, with every problem that it met. What it could not check it logs.
package modeltest
