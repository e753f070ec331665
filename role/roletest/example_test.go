package roletest_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/shardmill/shardmill/role"
	"github.com/shardmill/shardmill/role/roletest"
)

func Example() {
	account := roletest.New(roletest.Config{})
	trust, _ := role.TrustPolicy(role.Trust{Principals: []string{host}})
	err := account.SetUser("AKIDEXAMPLE", host)
	if err == nil {
		err = account.SetRole(roletest.Role{ARN: ship, Trust: string(trust)}) // it may do nothing
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(account.Handler())
	defer server.Close()

	p, err := role.Role{ARN: ship, SessionName: "s1"}.Provider(sts.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL), HTTPClient: server.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := p.Retrieve(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	who, _ := account.Principal(c.AccessKeyID, c.SessionToken)
	fmt.Println(who)
	fmt.Println(account.Authorize(who, "kinesis:ListStreams", "*"))
	// Output:
	// arn:aws:sts::123456789012:assumed-role/ship-orders/s1
	// User: arn:aws:sts::123456789012:assumed-role/ship-orders/s1 is not authorized to perform: kinesis:ListStreams on resource: * because no identity-based policy allows the kinesis:ListStreams action
}
