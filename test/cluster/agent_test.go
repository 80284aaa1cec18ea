package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestRequireToken(t *testing.T) {
	handler := requireToken("secret", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for authorization, want := range map[string]int{
		"":              http.StatusForbidden,
		"secret":        http.StatusForbidden,
		"Bearer other":  http.StatusForbidden,
		"Bearer secret": http.StatusOK,
	} {
		request := httptest.NewRequest(http.MethodPost, "/run", nil)
		request.Header.Set("Authorization", authorization)
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if recorder.Code != want {
			t.Errorf("Authorization %q: %d, want %d", authorization, recorder.Code, want)
		}
	}
}
