// Command informer follows Phoenix experiments as a Kubernetes controller would: a kubeconfig, discovery through a
// RESTMapper, a shared informer of client-go with its lister, server-side apply by the dynamic client.
//
// It writes one JSON object a line to stdout, and ends when its stdin does.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// line is what is written of each thing that happens; empty fields are left out.
type line struct {
	What     string `json:"what"`
	Name     string `json:"name,omitempty"`
	Version  string `json:"version,omitempty"`
	Resource string `json:"resource,omitempty"`
	Progress any    `json:"progress,omitempty"`
	Count    int    `json:"count,omitempty"`
}

var out = json.NewEncoder(os.Stdout)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig of the server")
	flag.Parse()
	if err := run(*kubeconfig); err != nil {
		fmt.Fprintln(os.Stderr, "informer:", err)
		os.Exit(1)
	}
}

func run(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	resource, err := find(config)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, time.Minute)
	informer := factory.ForResource(resource)
	_, err = informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { say("added", obj) },
		UpdateFunc: func(_, obj any) { say("updated", obj) },
		DeleteFunc: func(obj any) { say("deleted", obj) },
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced) {
		return fmt.Errorf("the cache did not sync")
	}
	found, err := informer.Lister().List(labels.Everything())
	if err != nil {
		return err
	}
	_ = out.Encode(line{What: "synced", Resource: resource.String(), Count: len(found)})
	if err := apply(ctx, client, resource); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	factory.Shutdown()
	_ = out.Encode(line{What: "ended"})
	return nil
}

// find asks the server which resource the kind Experiment is.
func find(config *rest.Config) (schema.GroupVersionResource, error) {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return schema.GroupVersionResource{}, err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client))
	mapping, err := mapper.RESTMapping(schema.GroupKind{Group: "phoenix.io", Kind: "Experiment"})
	if err != nil {
		return schema.GroupVersionResource{}, err
	}
	return mapping.Resource, nil
}

// apply labels the experiment "applied" as its own field manager, and makes its status say something.
func apply(ctx context.Context, client dynamic.Interface, resource schema.GroupVersionResource) error {
	obj := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "phoenix.io/v1alpha1",
		"kind":       "Experiment",
		"metadata":   map[string]any{"name": "applied", "labels": map[string]any{"go": "yes"}},
	}}
	got, err := client.Resource(resource).Namespace("default").
		Apply(ctx, "applied", obj, metav1.ApplyOptions{FieldManager: "informer"})
	if err != nil {
		return err
	}
	say("applied", got)
	return nil
}

func say(what string, obj any) {
	if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = gone.Obj
	}
	item, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return
	}
	progress, _, _ := unstructured.NestedFieldNoCopy(item.Object, "status", "progress")
	_ = out.Encode(line{What: what, Name: item.GetName(), Version: item.GetResourceVersion(), Progress: progress})
}
