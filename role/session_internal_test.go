package role

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSessionNamesAreInTheMannerOfAWS(t *testing.T) {
	at := time.Date(2026, 9, 19, 11, 10, 45, 954_999_999, time.FixedZone("", 2*3600))
	assert.Regexp(t, `^awslambda_[1-9][0-9]{0,2}_20260919091045954$`, sessionName(at))
}
