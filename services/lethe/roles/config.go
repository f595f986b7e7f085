package roles

import "github.com/lethe-dsr/lethe/services/internal/config"

// Config is the configuration of a pipeline, for programs outside of services/ that run its roles, such as the benchmark.
type Config = config.Config

// LoadCoordinator reads the configuration of a process that runs a coordinator and publishes requests.
func LoadCoordinator(path string, environ []string) (Config, error) {
	return config.Load(path, environ, config.For(config.Coordinator, config.Publisher))
}
