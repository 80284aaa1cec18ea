package provision

import (
	"errors"
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// A Pattern is a parsed pathPattern: literal text and variables.
//
//	${.PVC.namespace}  ${.PVC.name}  ${.PV.name}
//	${.PVC.labels.KEY}  ${.PVC.annotations.KEY}
//	${VARIABLE:-text}   text where the variable has no value
//
// KEY is a whole label or annotation key, with its prefix and slash if it has
// one. What is not a variable stands for itself.
type Pattern struct{ parts []part }

type part struct {
	literal  string
	variable string // "" for literal text
	fallback string
	optional bool // there is a fallback, maybe an empty one
}

// Prefixes of the variables that carry a key.
const (
	labelVariable      = ".PVC.labels."
	annotationVariable = ".PVC.annotations."
)

// ParsePattern reads a pathPattern. The error names the variable that is not
// known, or says what is not closed.
func ParsePattern(text string) (Pattern, error) {
	if text == "" {
		return Pattern{}, errors.New("it is empty, which would be the share's root")
	}
	var p Pattern
	for rest := text; rest != ""; {
		literal, after, found := strings.Cut(rest, "${")
		if literal != "" {
			p.parts = append(p.parts, part{literal: literal})
		}
		if !found {
			break
		}
		inside, behind, closed := strings.Cut(after, "}")
		if !closed {
			return Pattern{}, fmt.Errorf("%q is not closed by a }", "${"+after)
		}
		variable, fallback, optional := strings.Cut(inside, ":-")
		if !isVariable(variable) {
			return Pattern{}, fmt.Errorf("${%s} is not known; known are ${.PVC.namespace}, ${.PVC.name}, "+
				"${.PVC.labels.KEY}, ${.PVC.annotations.KEY} and ${.PV.name}", variable)
		}
		if strings.Contains(fallback, "${") {
			return Pattern{}, fmt.Errorf("the fallback of ${%s} is %q; a fallback is text and cannot hold a variable", variable, fallback)
		}
		p.parts = append(p.parts, part{variable: variable, fallback: fallback, optional: optional})
		rest = behind
	}
	return p, nil
}

func isVariable(name string) bool {
	switch name {
	case ".PVC.namespace", ".PVC.name", ".PV.name":
		return true
	}
	for _, prefix := range []string{labelVariable, annotationVariable} {
		if key, ok := strings.CutPrefix(name, prefix); ok && key != "" {
			return true
		}
	}
	return false
}

// Render fills in the variables. It judges nothing: share.ParseDirectory does.
// A variable without a value and without a fallback is an error.
func (p Pattern) Render(claim *v1.PersistentVolumeClaim, volumeName string) (string, error) {
	var b strings.Builder
	for _, part := range p.parts {
		if part.variable == "" {
			b.WriteString(part.literal)
			continue
		}
		value := valueOf(part.variable, claim, volumeName)
		if value == "" && !part.optional {
			return "", fmt.Errorf("class parameter pathPattern: ${%s} has no value for claim %s/%s; "+
				"give the claim one, or give the pattern a fallback as in ${%s:-text}",
				part.variable, claim.Namespace, claim.Name, part.variable)
		}
		if value == "" {
			value = part.fallback
		}
		b.WriteString(value)
	}
	return b.String(), nil
}

func valueOf(variable string, claim *v1.PersistentVolumeClaim, volumeName string) string {
	switch variable {
	case ".PVC.namespace":
		return claim.Namespace
	case ".PVC.name":
		return claim.Name
	case ".PV.name":
		return volumeName
	}
	if key, ok := strings.CutPrefix(variable, labelVariable); ok {
		return claim.Labels[key]
	}
	return claim.Annotations[strings.TrimPrefix(variable, annotationVariable)]
}
