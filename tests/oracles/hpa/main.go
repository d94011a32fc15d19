// Oracle of the HPA's arithmetic: reads cases as JSON lines, lets upstream's own controller decide, and
// writes what it decided as JSON lines. The format is described in tests/oracles/hpa_cases.py.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	defaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

type testCase struct {
	Flags struct {
		Tolerance               float64 `json:"tolerance"`
		DownscaleStabilization  float64 `json:"downscale_stabilization"`
		CPUInitializationPeriod float64 `json:"cpu_initialization_period"`
		InitialReadinessDelay   float64 `json:"initial_readiness_delay"`
	} `json:"flags"`
	Spec  json.RawMessage `json:"spec"`
	Steps []step          `json:"steps"`
}

type step struct {
	Now    float64         `json:"now"`
	Spec   *int32          `json:"spec"`   // absent: what the last step left
	Status *int32          `json:"status"` // absent: as in the spec
	HPA    json.RawMessage `json:"hpa"`    // absent: as before
	Pods   []pod           `json:"pods"`
	Read   []reading       `json:"read"`
}

type pod struct {
	Name        string                      `json:"n"`
	Phase       v1.PodPhase                 `json:"p"`
	Deleted     bool                        `json:"d"`
	Start       *float64                    `json:"s"`
	Ready       *ready                      `json:"c"`
	Requests    map[string]map[string]int64 `json:"r"` // container, resource: milli
	PodRequests map[string]int64            `json:"pr"`
}

type ready struct {
	Status v1.ConditionStatus `json:"s"`
	Since  float64            `json:"t"`
}

type reading struct {
	Error  bool                  `json:"error"`
	Pods   map[string][3]float64 `json:"pods"` // value (milli), timestamp, window
	Values []int64               `json:"values"`
}

type result struct {
	Replicas int32    `json:"r"`
	Failed   bool     `json:"e"`
	Able     string   `json:"a"`
	Limited  string   `json:"l"`
	Active   string   `json:"c"`
	Metrics  []*usage `json:"m"`
}

type usage [3]*int64 // utilization in percent, average in milli, total in milli

var epoch = time.Unix(1_000_000_000, 0)

func seconds(value float64) time.Duration { return time.Duration(value * float64(time.Second)) }

func at(value float64) time.Time { return epoch.Add(seconds(value)) }

// source answers the controller's questions with the readings of the current step, by metric name.
type source struct {
	byKey map[string]reading
}

var errUnavailable = errors.New("unavailable")

func (s *source) perPod(key string) (metrics.PodMetricsInfo, time.Time, error) {
	found, known := s.byKey[key]
	if !known || found.Error {
		return nil, time.Time{}, errUnavailable
	}
	info := metrics.PodMetricsInfo{}
	for name, each := range found.Pods {
		info[name] = metrics.PodMetric{Value: int64(each[0]), Timestamp: at(each[1]), Window: seconds(each[2])}
	}
	return info, time.Time{}, nil
}

func (s *source) GetResourceMetric(_ context.Context, name v1.ResourceName, _ string, _ labels.Selector, container string) (metrics.PodMetricsInfo, time.Time, error) {
	return s.perPod("resource/" + string(name) + "/" + container)
}

func (s *source) GetRawMetric(name string, _ string, _ labels.Selector, _ labels.Selector) (metrics.PodMetricsInfo, time.Time, error) {
	return s.perPod("pods/" + name)
}

func (s *source) GetObjectMetric(name string, _ string, _ *autoscalingv2.CrossVersionObjectReference, _ labels.Selector) (int64, time.Time, error) {
	found, known := s.byKey["object/"+name]
	if !known || found.Error {
		return 0, time.Time{}, errUnavailable
	}
	return found.Values[0], time.Time{}, nil
}

func (s *source) GetExternalMetric(name string, _ string, _ labels.Selector) ([]int64, time.Time, error) {
	found, known := s.byKey["external/"+name]
	if !known || found.Error {
		return nil, time.Time{}, errUnavailable
	}
	return found.Values, time.Time{}, nil
}

func key(spec autoscalingv2.MetricSpec) string {
	switch spec.Type {
	case autoscalingv2.ResourceMetricSourceType:
		return "resource/" + string(spec.Resource.Name) + "/"
	case autoscalingv2.ContainerResourceMetricSourceType:
		return "resource/" + string(spec.ContainerResource.Name) + "/" + spec.ContainerResource.Container
	case autoscalingv2.PodsMetricSourceType:
		return "pods/" + spec.Pods.Metric.Name
	case autoscalingv2.ObjectMetricSourceType:
		return "object/" + spec.Object.Metric.Name
	default:
		return "external/" + spec.External.Metric.Name
	}
}

// stored is a spec as the API server hands it out: defaults filled in, quantities in canonical form.
func stored(raw json.RawMessage) *autoscalingv2.HorizontalPodAutoscaler {
	hpa := &autoscalingv2.HorizontalPodAutoscaler{}
	check(json.Unmarshal(raw, &hpa.Spec))
	hpa.Name, hpa.Namespace = "model", "models"
	hpa.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "model"}
	defaults.SetDefaults_HorizontalPodAutoscaler(hpa)
	if hpa.Spec.Behavior != nil {
		for _, rules := range []*autoscalingv2.HPAScalingRules{hpa.Spec.Behavior.ScaleUp, hpa.Spec.Behavior.ScaleDown} {
			if rules.Tolerance != nil {
				canonical := resource.MustParse(rules.Tolerance.String())
				rules.Tolerance = &canonical
			}
		}
	}
	return hpa
}

func resources(milli map[string]int64) v1.ResourceList {
	list := v1.ResourceList{}
	for name, value := range milli {
		list[v1.ResourceName(name)] = *resource.NewMilliQuantity(value, resource.DecimalSI)
	}
	return list
}

func (p pod) object() *v1.Pod {
	made := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: p.Name, Namespace: "models", Labels: map[string]string{"app": "model"}}}
	made.Status.Phase = p.Phase
	if p.Deleted {
		made.DeletionTimestamp = &metav1.Time{Time: epoch}
	}
	if p.Start != nil {
		made.Status.StartTime = &metav1.Time{Time: at(*p.Start)}
	}
	if p.Ready != nil {
		made.Status.Conditions = []v1.PodCondition{
			{Type: v1.PodScheduled, Status: v1.ConditionTrue},
			{Type: v1.PodReady, Status: p.Ready.Status, LastTransitionTime: metav1.Time{Time: at(p.Ready.Since)}},
		}
	}
	always := v1.ContainerRestartPolicyAlways
	for name, milli := range p.Requests {
		container := v1.Container{Name: name, Resources: v1.ResourceRequirements{Requests: resources(milli)}}
		if name == "sidecar" {
			container.RestartPolicy = &always
			made.Spec.InitContainers = append(made.Spec.InitContainers, container)
		} else {
			made.Spec.Containers = append(made.Spec.Containers, container)
		}
	}
	if p.PodRequests != nil {
		made.Spec.Resources = &v1.ResourceRequirements{Requests: resources(p.PodRequests)}
	}
	return made
}

func milli(quantity *resource.Quantity) *int64 {
	if quantity == nil {
		return nil
	}
	value := quantity.MilliValue()
	return &value
}

func used(status autoscalingv2.MetricStatus) *usage {
	var found autoscalingv2.MetricValueStatus
	switch status.Type {
	case autoscalingv2.ResourceMetricSourceType:
		found = status.Resource.Current
	case autoscalingv2.ContainerResourceMetricSourceType:
		found = status.ContainerResource.Current
	case autoscalingv2.PodsMetricSourceType:
		found = status.Pods.Current
	case autoscalingv2.ObjectMetricSourceType:
		found = status.Object.Current
	case autoscalingv2.ExternalMetricSourceType:
		found = status.External.Current
	default:
		return nil // the metric failed
	}
	var percent *int64
	if found.AverageUtilization != nil {
		value := int64(*found.AverageUtilization)
		percent = &value
	}
	return &usage{percent, milli(found.AverageValue), milli(found.Value)}
}

func decide(given testCase) []result {
	read := &source{}
	oracle := podautoscaler.NewOracle(podautoscaler.Flags{
		Tolerance:               given.Flags.Tolerance,
		DownscaleStabilization:  seconds(given.Flags.DownscaleStabilization),
		CPUInitializationPeriod: seconds(given.Flags.CPUInitializationPeriod),
		InitialReadinessDelay:   seconds(given.Flags.InitialReadinessDelay),
	}, read)
	hpa := stored(given.Spec)
	var replicas int32
	results := make([]result, 0, len(given.Steps))
	for _, each := range given.Steps {
		if each.HPA != nil {
			hpa = stored(each.HPA)
		}
		if each.Spec != nil {
			replicas = *each.Spec
		}
		status := replicas
		if each.Status != nil {
			status = *each.Status
		}
		read.byKey = map[string]reading{}
		for index, spec := range hpa.Spec.Metrics {
			read.byKey[key(spec)] = each.Read[index]
		}
		pods := make([]*v1.Pod, len(each.Pods))
		for index, one := range each.Pods {
			pods[index] = one.object()
		}
		after, found, err := oracle.Sync(at(each.Now), hpa, pods, replicas, status)
		replicas = after
		results = append(results, summary(after, found, err))
	}
	return results
}

func summary(replicas int32, status autoscalingv2.HorizontalPodAutoscalerStatus, err error) result {
	made := result{Replicas: replicas, Failed: err != nil, Metrics: []*usage{}}
	for _, condition := range status.Conditions {
		switch condition.Type {
		case autoscalingv2.AbleToScale:
			made.Able = condition.Reason
		case autoscalingv2.ScalingLimited:
			made.Limited = condition.Reason
		case autoscalingv2.ScalingActive:
			made.Active = condition.Reason
		}
	}
	for _, each := range status.CurrentMetrics {
		made.Metrics = append(made.Metrics, used(each))
	}
	return made
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<24)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		var given testCase
		check(json.Unmarshal(lines.Bytes(), &given))
		check(encoder.Encode(decide(given)))
	}
	check(lines.Err())
	check(out.Flush())
}
