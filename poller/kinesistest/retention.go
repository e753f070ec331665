package kinesistest

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

func (s *Service) increaseRetention(in *kinesis.IncreaseStreamRetentionPeriodInput, r *request) (*kinesis.IncreaseStreamRetentionPeriodOutput, error) {
	st, hours, err := s.retentionChange(in.StreamName, in.StreamARN, in.RetentionPeriodHours, r.now)
	if err != nil {
		return nil, err
	}
	if had := *st.retentionHours(); hours < had {
		return nil, invalidArgument("Requested retention period (%d hours) for stream %s can not be shorter than existing "+
			"retention period (%d hours). Use DecreaseRetentionPeriod API.", hours, st.name, had)
	}
	st.setRetention(hours, r.now)
	s.journal.changed(IncreaseStreamRetentionPeriod, in, r.now)
	return &kinesis.IncreaseStreamRetentionPeriodOutput{}, nil
}

func (s *Service) decreaseRetention(in *kinesis.DecreaseStreamRetentionPeriodInput, r *request) (*kinesis.DecreaseStreamRetentionPeriodOutput, error) {
	st, hours, err := s.retentionChange(in.StreamName, in.StreamARN, in.RetentionPeriodHours, r.now)
	if err != nil {
		return nil, err
	}
	if had := *st.retentionHours(); hours > had {
		return nil, invalidArgument("Requested retention period (%d hours) for stream %s can not be longer than existing "+
			"retention period (%d hours). Use IncreaseRetentionPeriod API.", hours, st.name, had)
	}
	st.setRetention(hours, r.now)
	s.journal.changed(DecreaseStreamRetentionPeriod, in, r.now)
	return &kinesis.DecreaseStreamRetentionPeriodOutput{}, nil
}

// retentionChange checks what both operations have in common.
func (s *Service) retentionChange(name, arn *string, hours *int32, now time.Time) (*stream, int32, error) {
	st, err := s.settled(name, arn, now)
	if err != nil {
		return nil, 0, err
	}
	switch asked := time.Duration(*hours) * time.Hour; {
	case asked < defaultRetention:
		return nil, 0, invalidArgument("Minimum allowed retention period is %d hours. "+
			"Requested retention period (%d hours) is too short.", defaultRetention/time.Hour, *hours)
	case asked > maxRetention:
		return nil, 0, invalidArgument("Maximum allowed retention period is %d hours. "+
			"Requested retention period (%d hours) is too long.", maxRetention/time.Hour, *hours)
	}
	return st, *hours, nil
}

// setRetention first trims by the old period: trimmed records do not return.
func (st *stream) setRetention(hours int32, now time.Time) {
	for _, sh := range st.listed(now) {
		sh.trim(st.horizon(now))
	}
	st.retention = time.Duration(hours) * time.Hour
}
