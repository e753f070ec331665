package arns

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Reach is the destination of an SDK client's requests, as far as its options say.
type Reach struct {
	// Region is the region that the client signs for, and whose endpoint it calls unless it has another one. Empty: not
	// known, and nothing is refused.
	Region string

	// Endpoint is the client's own base endpoint, empty for the region's.
	Endpoint string
}

// ReachOf returns the reach of a client with these options.
func ReachOf(region string, endpoint *string) Reach {
	r := Reach{Region: strings.TrimSuffix(strings.TrimPrefix(region, "fips-"), "-fips")} // names of regions for FIPS endpoints
	if endpoint != nil {
		r.Endpoint = *endpoint
	}
	return r
}

// Misses reports whether a resource of a region is out of reach. A custom endpoint makes no difference: it serves one
// region too, even an emulator's, and refuses signatures for another or finds nothing.
func (r Reach) Misses(region string) bool { return r.Region != "" && r.Region != region }

// CheckOwnRegion returns why a client that calls the region of each ARN cannot reach a resource; nil if it can, or if
// that is not known. Its credentials are valid for one partition, and an explicitly set AWS endpoint serves one region.
func (r Reach) CheckOwnRegion(a ARN) error {
	if err := r.CheckPartition(a.Partition); err != nil {
		return err
	}
	if region, ok := HostRegion(r.host()); ok && region != a.Region {
		return fmt.Errorf("lies in %s, but the client calls %s in %s", a.Region, r.Endpoint, region)
	}
	return nil
}

// CheckPartition returns why a client cannot reach a resource of a partition; nil if it can, or if that is not known.
func (r Reach) CheckPartition(partition string) error {
	if own := Partition(r.Region); r.Region != "" && known[partition] && own != partition {
		return fmt.Errorf("lies in the partition %s, but the client is for the region %s in %s", partition, r.Region, own)
	}
	return nil
}

// host returns the host of the client's own endpoint, empty without one.
func (r Reach) host() string {
	u, err := url.Parse(r.Endpoint)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// HostRegion returns the region that an AWS host serves, by its name, and false for other hosts and names.
func HostRegion(host string) (found string, ok bool) {
	if !isAWS(host) {
		return "", false
	}
	for label := range strings.SplitSeq(strings.ToLower(host), ".") {
		if region.form.MatchString(label) {
			return label, true
		}
	}
	return "", false
}

// isAWS reports whether a host is one of AWS's own.
func isAWS(host string) bool {
	return slices.ContainsFunc(suffixes, func(suffix string) bool { return strings.HasSuffix(strings.ToLower(host), suffix) })
}

// suffixes are those of AWS's own hosts.
// Source: partitions.json of the AWS SDKs, dnsSuffix and dualStackDnsSuffix.
var suffixes = []string{
	".amazonaws.com", ".api.aws", ".amazonaws.com.cn", ".api.amazonwebservices.com.cn", ".amazonaws.eu",
	".api.amazonwebservices.eu", ".c2s.ic.gov", ".api.aws.ic.gov", ".sc2s.sgov.gov", ".api.aws.scloud",
	".cloud.adc-e.uk", ".api.cloud-aws.adc-e.uk", ".csp.hci.ic.gov", ".api.aws.hci.ic.gov",
}
