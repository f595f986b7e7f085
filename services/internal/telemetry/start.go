package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Options say who sends.
type Options struct {
	Service string // service.name, such as lethe-coordinator; OTEL_SERVICE_NAME goes over it
	Version string // service.version; may be empty

	// Logger is told, once a minute at most, that traces or metrics could not be delivered; default slog.Default().
	Logger *slog.Logger
}

// Start sets the global propagator, and the global tracer and meter providers where the environment asks for traces or metrics.
// Call it once, in main, and shutdown at the very end: it delivers what is still held, for as long as its context allows, and
// returns at once where nothing was installed. A variable that the SDK cannot follow is an error.
func Start(ctx context.Context, o Options) (shutdown func(context.Context) error, err error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	otel.SetTextMapPropagator(propagation.TraceContext{})
	traces, metrics := asked("TRACES"), asked("METRICS")
	if !traces && !metrics {
		return func(context.Context) error { return nil }, nil
	}
	otel.SetErrorHandler(&complaint{log: o.Logger})
	res, err := describe(ctx, o)
	if err != nil {
		return nil, err
	}
	var stops []func(context.Context) error
	if traces {
		exporter, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return nil, fmt.Errorf("set up traces as OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_… say: %w", err)
		}
		p := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(res))
		otel.SetTracerProvider(p)
		stops = append(stops, p.Shutdown)
	}
	if metrics {
		reader, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("set up metrics as OTEL_METRICS_EXPORTER and OTEL_EXPORTER_OTLP_… say: %w", err), stop(ctx, stops))
		}
		p := metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(res))
		otel.SetMeterProvider(p)
		stops = append(stops, p.Shutdown)
	}
	return func(ctx context.Context) error { return stop(ctx, stops) }, nil
}

// TracerProvider is the global one where the environment asks for traces, and nil where it does not: for libraries that cost
// something as soon as they have any.
func TracerProvider() oteltrace.TracerProvider {
	if !asked("TRACES") {
		return nil
	}
	return otel.GetTracerProvider()
}

// asked reports whether the environment wants a signal exported. The SDK's own default, an exporter to localhost, would knock
// at a door that nobody opened.
func asked(signal string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	if exporter := os.Getenv("OTEL_" + signal + "_EXPORTER"); exporter != "" {
		return exporter != "none"
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
}

// describe says which process sends. The names of attributes are the semantic conventions' and have not changed since 1.0.
func describe(ctx context.Context, o Options) (*resource.Resource, error) {
	own := []attribute.KeyValue{attribute.String("service.name", o.Service)}
	if o.Version != "" {
		own = append(own, attribute.String("service.version", o.Version))
	}
	res, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithService(), resource.WithAttributes(own...), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("describe this process as OTEL_RESOURCE_ATTRIBUTES says: %w", err)
	}
	return res, nil
}

func stop(ctx context.Context, stops []func(context.Context) error) error {
	var errs []error
	for _, s := range stops {
		errs = append(errs, s(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("deliver the last traces and metrics: %w", err)
	}
	return nil
}

// complaint logs that telemetry is not delivered. A collector that is away makes an error every few seconds; one line a minute
// says the same.
type complaint struct {
	log *slog.Logger

	mu   sync.Mutex
	next time.Time
}

const complainEvery = time.Minute

// Handle implements otel.ErrorHandler.
func (c *complaint) Handle(err error) {
	c.mu.Lock()
	now := time.Now()
	due := !now.Before(c.next)
	if due {
		c.next = now.Add(complainEvery)
	}
	c.mu.Unlock()
	if due {
		c.log.Warn("telemetry was not delivered", "error", err)
	}
}
