package main

import (
	"fmt"
	"io"

	"github.com/go-logr/logr"
	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"
)

// newsLevel is the verbosity at which the log repeats events that tell of nothing
// wrong: a line says already what was made, and a claim has two of them.
const newsLevel = 3

// What client-go logs of an event. Its recorder, which the library makes, has no
// setting for that.
const (
	eventOccurred = "Event occurred"
	typeKey       = "type"
)

// logTo sends the log of everything in the process to a stream, at the verbosity
// that klog has been told. klog.Flush writes out what is held back.
func logTo(to io.Writer) error {
	lines := &lines{to: to}
	config := textlogger.NewConfig(textlogger.Output(lines))
	if err := config.Verbosity().Set(verbosity().Value.String()); err != nil {
		return fmt.Errorf("set the verbosity of the log: %w", err)
	}
	klog.SetLoggerWithOptions(logr.New(newsSink{textlogger.NewLogger(config).GetSink()}),
		klog.ContextualLogger(true), klog.FlushLogger(lines.flush))
	return nil
}

// newsSink leaves out what newsLevel is about.
type newsSink struct{ logr.LogSink }

var _ logr.CallDepthLogSink = newsSink{}

// Init has the sink look for a line's origin above this one.
func (s newsSink) Init(info logr.RuntimeInfo) {
	info.CallDepth++
	s.LogSink.Init(info)
}

func (s newsSink) Info(level int, message string, details ...any) {
	if message == eventOccurred && !s.Enabled(newsLevel) && isNews(details) {
		return
	}
	s.LogSink.Info(level, message, details...)
}

// Error is here for what Init says.
func (s newsSink) Error(err error, message string, details ...any) {
	s.LogSink.Error(err, message, details...)
}

func isNews(details []any) bool {
	for i := 0; i+1 < len(details); i += 2 {
		if details[i] == typeKey {
			return details[i+1] == v1.EventTypeNormal
		}
	}
	return false
}

func (s newsSink) WithValues(details ...any) logr.LogSink {
	return newsSink{s.LogSink.WithValues(details...)}
}

func (s newsSink) WithName(name string) logr.LogSink { return newsSink{s.LogSink.WithName(name)} }

func (s newsSink) WithCallDepth(depth int) logr.LogSink {
	if inner, ok := s.LogSink.(logr.CallDepthLogSink); ok {
		return newsSink{inner.WithCallDepth(depth)}
	}
	return s
}
