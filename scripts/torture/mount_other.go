//go:build !linux

package main

import "errors"

func mount(string) bool { return false }

func resize(string, uint64) error { return errors.ErrUnsupported }

func unmount(string) {}
