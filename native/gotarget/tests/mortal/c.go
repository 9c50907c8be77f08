//go:build cgo

package main

/*
#include <unistd.h>

static volatile int inside;

static void sleep_in_c(void) {
	inside = 1;
	for (;;) pause();
}

static int is_inside(void) { return inside; }
*/
import "C"

import "time"

//go:noinline
func callC() {
	C.sleep_in_c()
}

func waitForC() {
	for C.is_inside() == 0 {
		time.Sleep(time.Millisecond)
	}
}
