// Package podautoscaler, one file more: a door to upstream's controller for the oracle.
//
// The build lays this file into the vendored package, and copies of horizontal.go and
// replica_calculator.go whose only change is that `time.Now()` reads `oracleNow()`.
package podautoscaler

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	autoscalingclient "k8s.io/client-go/kubernetes/typed/autoscaling/v2"
	corelisters "k8s.io/client-go/listers/core/v1"
	scaleclient "k8s.io/client-go/scale"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	metricsclient "k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/monitor"
	"k8s.io/kubernetes/pkg/controller/util/selectors"
)

var oracleClock time.Time

func oracleNow() time.Time { return oracleClock }

// Flags are those of kube-controller-manager that the arithmetic depends on.
type Flags struct {
	Tolerance               float64
	DownscaleStabilization  time.Duration
	CPUInitializationPeriod time.Duration
	InitialReadinessDelay   time.Duration
}

// Oracle is upstream's controller with a scale, pods and a clock that the caller sets.
type Oracle struct {
	controller *HorizontalController
	world      *oracleWorld
	ctx        context.Context
}

// NewOracle makes a controller without memory.
func NewOracle(flags Flags, metrics metricsclient.MetricsClient) *Oracle {
	world := &oracleWorld{}
	controller := &HorizontalController{
		scaleNamespacer:              world,
		hpaNamespacer:                oracleHPAs{world: world},
		mapper:                       oracleMapper{},
		tolerance:                    flags.Tolerance,
		eventRecorder:                &record.FakeRecorder{},
		downscaleStabilisationWindow: flags.DownscaleStabilization,
		monitor:                      monitor.New(),
		podLister:                    world,
		recommendations:              map[string][]timestampedRecommendation{},
		scaleUpEvents:                map[string][]timestampedScaleEvent{},
		scaleDownEvents:              map[string][]timestampedScaleEvent{},
		hpaSelectors:                 selectors.NewBiMultimap(),
	}
	controller.replicaCalc = NewReplicaCalculator(
		metrics, world, flags.CPUInitializationPeriod, flags.InitialReadinessDelay)
	return &Oracle{controller, world, klog.NewContext(context.Background(), logr.Discard())}
}

// Sync runs one reconciliation: the scale after it, the HPA's status, and the controller's error.
func (o *Oracle) Sync(now time.Time, hpa *autoscalingv2.HorizontalPodAutoscaler, pods []*v1.Pod,
	specReplicas, statusReplicas int32) (int32, autoscalingv2.HorizontalPodAutoscalerStatus, error) {
	oracleClock = now
	o.world.pods = pods
	o.world.status = hpa.Status
	o.world.scale = &autoscalingv1.Scale{
		Spec:   autoscalingv1.ScaleSpec{Replicas: specReplicas},
		Status: autoscalingv1.ScaleStatus{Replicas: statusReplicas, Selector: "app=model"},
	}
	err := o.controller.reconcileAutoscaler(o.ctx, hpa, "models/model")
	return o.world.scale.Spec.Replicas, o.world.status, err
}

// oracleWorld is what the controller sees of the cluster.
type oracleWorld struct {
	pods   []*v1.Pod
	scale  *autoscalingv1.Scale
	status autoscalingv2.HorizontalPodAutoscalerStatus
}

func (w *oracleWorld) Scales(string) scaleclient.ScaleInterface { return oracleScales{world: w} }

func (w *oracleWorld) Pods(string) corelisters.PodNamespaceLister {
	return oraclePods{world: w}
}

func (w *oracleWorld) List(labels.Selector) ([]*v1.Pod, error) { return w.pods, nil }

type oraclePods struct {
	corelisters.PodNamespaceLister
	world *oracleWorld
}

func (p oraclePods) List(labels.Selector) ([]*v1.Pod, error) { return p.world.pods, nil }

type oracleScales struct {
	scaleclient.ScaleInterface
	world *oracleWorld
}

func (s oracleScales) Get(context.Context, schema.GroupResource, string, metav1.GetOptions) (*autoscalingv1.Scale, error) {
	return s.world.scale.DeepCopy(), nil
}

func (s oracleScales) Update(_ context.Context, _ schema.GroupResource, scale *autoscalingv1.Scale, _ metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	s.world.scale = scale.DeepCopy()
	return scale, nil
}

type oracleMapper struct{ apimeta.RESTMapper }

func (oracleMapper) RESTMappings(schema.GroupKind, ...string) ([]*apimeta.RESTMapping, error) {
	return []*apimeta.RESTMapping{{Resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}}}, nil
}

type oracleHPAs struct{ world *oracleWorld }

func (h oracleHPAs) HorizontalPodAutoscalers(string) autoscalingclient.HorizontalPodAutoscalerInterface {
	return oracleStatuses{world: h.world}
}

type oracleStatuses struct {
	autoscalingclient.HorizontalPodAutoscalerInterface
	world *oracleWorld
}

func (s oracleStatuses) UpdateStatus(_ context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, _ metav1.UpdateOptions) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	s.world.status = hpa.Status
	return hpa, nil
}
