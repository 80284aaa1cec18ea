package chart

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
)

func share(s string) string { return "shares: [{name: a, server: s, path: /p, " + s + "}]" }
func class(s string) string { return "storageClasses: [{name: a, " + s + "}]" }

func spread(s string) string {
	return "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, " + s + "}]"
}

// refusals are values that no cluster would understand, and the place that helm names.
var refusals = map[string]struct{ values, says string }{
	"unknown key":              {"replicas: 2", "'replicas' not allowed"},
	"misspelt share key":       {share("mountOption: [hard]"), "'mountOption' not allowed"},
	"misspelt class key":       {class("reclaimpolicy: Delete"), "'reclaimpolicy' not allowed"},
	"misspelt parameter":       {class("parameters: {pathpattern: x}"), "'pathpattern' not allowed"},
	"misspelt image key":       {"image: {name: x}", "'name' not allowed"},
	"share without a server":   {"shares: [{name: a, path: /p}]", "'server'"},
	"share without a path":     {"shares: [{name: a, server: s}]", "'path'"},
	"share name in capitals":   {"shares: [{name: A, server: s, path: /p}]", "/shares/0/name"},
	"share name too long":      {"shares: [{name: " + strings.Repeat("a", 41) + ", server: s, path: /p}]", "/shares/0/name"},
	"two options in one":       {share("mountOptions: ['hard,noatime']"), "/shares/0/mountOptions/0"},
	"options as text":          {share("mountOptions: hard"), "/shares/0/mountOptions"},
	"usage without a unit":     {share("usageInterval: '24'"), "/shares/0/usageInterval"},
	"size without a number":    {share("size: big"), "/shares/0/size"},
	"class without a name":     {"storageClasses: [{share: a}]", "'name'"},
	"unknown reclaim policy":   {class("reclaimPolicy: Recycle"), "/storageClasses/0/reclaimPolicy"},
	"unknown binding mode":     {class("volumeBindingMode: Later"), "/storageClasses/0/volumeBindingMode"},
	"mode that is not octal":   {class("parameters: {mode: '0888'}"), "/storageClasses/0/parameters/mode"},
	"uid below nothing":        {class("parameters: {uid: -1}"), "/storageClasses/0/parameters/uid"},
	"ratio in percent":         {class("parameters: {overcommitRatio: '150%'}"), "/storageClasses/0/parameters/overcommitRatio"},
	"ratio of nothing":         {class("parameters: {overcommitRatio: '0.0'}"), "/storageClasses/0/parameters/overcommitRatio"},
	"ratio of 0":               {class("parameters: {overcommitRatio: 0}"), "/storageClasses/0/parameters/overcommitRatio"},
	"retention without a unit": {class("parameters: {archiveRetention: '30'}"), "/storageClasses/0/parameters/archiveRetention"},
	"unknown onDelete":         {class("parameters: {onDelete: keep}"), "/storageClasses/0/parameters/onDelete"},
	"allowShared as yes":       {class("parameters: {allowShared: 'yes'}"), "/storageClasses/0/parameters/allowShared"},
	"default as text":          {class("default: 'yes'"), "/storageClasses/0/default"},
	"provisioner with spaces":  {"provisionerName: my nfs", "/provisionerName"},
	"replicas as text":         {"replicaCount: two", "/replicaCount"},
	"digest cut short":         {"image: {digest: 'sha256:12'}", "/image/digest"},
	"unknown pull policy":      {"image: {pullPolicy: Sometimes}", "/image/pullPolicy"},
	"timeout without a unit":   {"operationTimeout: '30'", "/operationTimeout"},
	"no workers":               {"workers: 0", "/workers"},
	"argument without a dash":  {"extraArgs: [v=4]", "/extraArgs/0"},
	"variable without a name":  {"extraEnv: [{value: x}]", "'name'"},
	"label as a number":        {"podLabels: {a: 1}", "/podLabels/a"},
	"misspelt metrics key":     {"metrics: {servicemonitor: {enabled: true}}", "'servicemonitor' not allowed"},
	"interval without a unit":  {"metrics: {serviceMonitor: {interval: '30'}}", "/metrics/serviceMonitor/interval"},
	"share over-full":          {"metrics: {prometheusRule: {thresholds: {shareFull: 90}}}", "/metrics/prometheusRule/thresholds/shareFull"},
	"selector with braces":     {"metrics: {prometheusRule: {selector: '{job=\"a\"}'}}", "/metrics/prometheusRule/selector"},
	"address without a port":   {"pprofAddress: localhost", "/pprofAddress"},
	"share without a name":     {"shares: [{server: s, path: /p}]", "'name'"},
	"empty server":             {"shares: [{name: a, server: '', path: /p}]", "/shares/0/server"},
	"empty path":               {"shares: [{name: a, server: s, path: ''}]", "/shares/0/path"},
	"class name with a slash":  {"storageClasses: [{name: a/b}]", "/storageClasses/0/name"},
	"class of a share in vain": {class("share: A"), "/storageClasses/0/share"},
	"misspelt topology":        {class("allowedTopologies: [{matchLabelExpression: []}]"), "'matchLabelExpression' not allowed"},
	"topology without values":  {class("allowedTopologies: [{matchLabelExpressions: [{key: zone}]}]"), "'values'"},
	"class option with blank":  {class("mountOptions: [a b]"), "/storageClasses/0/mountOptions/0"},
	"empty pattern":            {class("parameters: {pathPattern: ''}"), "/storageClasses/0/parameters/pathPattern"},
	"gid with a sign":          {class("parameters: {gid: '-1'}"), "/storageClasses/0/parameters/gid"},
	"archiveOnDelete as yes":   {class("parameters: {archiveOnDelete: 'yes'}"), "/storageClasses/0/parameters/archiveOnDelete"},
	"allowExisting as yes":     {class("parameters: {allowExisting: 'yes'}"), "/storageClasses/0/parameters/allowExisting"},
	"older name with a blank":  {"additionalProvisionerNames: [a b]", "/additionalProvisionerNames/0"},
	"older name twice":         {"additionalProvisionerNames: [a, a]", "/additionalProvisionerNames"},
	"no repository":            {"image: {repository: ''}", "/image/repository"},
	"tag with a colon":         {"image: {tag: 'v1:2'}", "/image/tag"},
	"pull secret as text":      {"imagePullSecrets: [pull]", "/imagePullSecrets/0"},
	"name with a blank":        {"nameOverride: a b", "/nameOverride"},
	"full name in capitals":    {"fullnameOverride: NFS", "/fullnameOverride"},
	"namespace with a dot":     {"namespaceOverride: a.b", "/namespaceOverride"},
	"account with a slash":     {"serviceAccount: {name: a/b}", "/serviceAccount/name"},
	"unknown profile":          {"securityProfile: privileged", "/securityProfile"},
	"peers as text":            {"networkPolicy: {from: monitoring}", "/networkPolicy/from"},
	"misspelt policy":          {"networkPolicy: {ingress: []}", "'ingress' not allowed"},
	"too many replicas":        {"replicaCount: 10", "/replicaCount"},
	"too terse":                {"logLevel: -1", "/logLevel"},
	"inventory without a unit": {"inventoryInterval: '600'", "/inventoryInterval"},
	"timeout with a blank":     {"metrics: {serviceMonitor: {scrapeTimeout: 5 s}}", "/metrics/serviceMonitor/scrapeTimeout"},
	"monitor in capitals":      {"metrics: {serviceMonitor: {namespace: Monitoring}}", "/metrics/serviceMonitor/namespace"},
	"rules in capitals":        {"metrics: {prometheusRule: {namespace: Monitoring}}", "/metrics/prometheusRule/namespace"},
	"dashboard in capitals":    {"metrics: {dashboard: {namespace: Monitoring}}", "/metrics/dashboard/namespace"},
	"promised nothing":         {"metrics: {prometheusRule: {thresholds: {sharePromised: 0}}}", "/metrics/prometheusRule/thresholds/sharePromised"},
	"orphans below nothing":    {"metrics: {prometheusRule: {thresholds: {orphans: -1}}}", "/metrics/prometheusRule/thresholds/orphans"},
	"misspelt resources":       {"resources: {limit: {memory: 1Gi}}", "'limit' not allowed"},
	"priority with a blank":    {"priorityClassName: very high", "/priorityClassName"},
	"misspelt affinity":        {"affinity: {podAntiaffinity: {}}", "'podAntiaffinity' not allowed"},
	"unknown toleration":       {"tolerations: [{operator: Exist}]", "/tolerations/0/operator"},
	"unknown effect":           {"tolerations: [{effect: NoStart}]", "/tolerations/0/effect"},
	"spread over nothing":      {"topologySpreadConstraints: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]", "/topologySpreadConstraints/0/maxSkew"},
	"spread without a key":     {"topologySpreadConstraints: [{maxSkew: 1, whenUnsatisfiable: DoNotSchedule}]", "'topologyKey'"},
	"spread at a whim":         {"topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: Maybe}]", "/topologySpreadConstraints/0/whenUnsatisfiable"},
	"more than all away":       {"podDisruptionBudget: {maxUnavailable: 200%}", "/podDisruptionBudget/maxUnavailable"},
	"half a replica":           {"podDisruptionBudget: {minAvailable: 0.5}", "/podDisruptionBudget/minAvailable"},
	"unknown strategy":         {"updateStrategy: {type: OnDelete}", "/updateStrategy/type"},
	"surge as text":            {"updateStrategy: {rollingUpdate: {maxSurge: one}}", "/updateStrategy/rollingUpdate/maxSurge"},
	"history below nothing":    {"revisionHistoryLimit: -1", "/revisionHistoryLimit"},
	"no time to end":           {"terminationGracePeriodSeconds: 10", "/terminationGracePeriodSeconds"},
	"misspelt probe":           {"livenessProbe: {period: 10}", "'period' not allowed"},
	"probe all the time":       {"readinessProbe: {periodSeconds: 0}", "/readinessProbe/periodSeconds"},
	"volume in capitals":       {"extraVolumes: [{name: A}]", "/extraVolumes/0/name"},
	"mount at no path":         {"extraVolumeMounts: [{name: a, mountPath: etc}]", "/extraVolumeMounts/0/mountPath"},
	"test without an image":    {"test: {image: {repository: ''}}", "/test/image/repository"},
	"test's digest cut short":  {"test: {image: {digest: 'sha256:12'}}", "/test/image/digest"},
	"test's tag with a colon":  {"test: {image: {tag: 'v1:2'}}", "/test/image/tag"},
	"test pulls sometimes":     {"test: {image: {pullPolicy: Sometimes}}", "/test/image/pullPolicy"},
	"retention as a number":    {class("parameters: {archiveRetention: 30}"), "/storageClasses/0/parameters/archiveRetention"},
	"topology of no key":       {class("allowedTopologies: [{matchLabelExpressions: [{key: '', values: [a]}]}]"), "/storageClasses/0/allowedTopologies/0/matchLabelExpressions/0/key"},
	"topology of nothing":      {class("allowedTopologies: [{matchLabelExpressions: []}]"), "/storageClasses/0/allowedTopologies/0/matchLabelExpressions"},
	"topology of no value":     {class("allowedTopologies: [{matchLabelExpressions: [{key: zone, values: []}]}]"), "/storageClasses/0/allowedTopologies/0/matchLabelExpressions/0/values"},
	"variable of no name":      {"extraEnv: [{name: ''}]", "/extraEnv/0/name"},
	"pull secret of no name":   {"imagePullSecrets: [{name: ''}]", "/imagePullSecrets/0/name"},
	"mount of no volume":       {"extraVolumeMounts: [{name: '', mountPath: /etc}]", "/extraVolumeMounts/0/name"},
	"spread over no domain":    {spread("minDomains: 0"), "/topologySpreadConstraints/0/minDomains"},
	"spread by no key":         {"topologySpreadConstraints: [{maxSkew: 1, topologyKey: '', whenUnsatisfiable: DoNotSchedule}]", "/topologySpreadConstraints/0/topologyKey"},
	"spread by affinity maybe": {spread("nodeAffinityPolicy: Maybe"), "/topologySpreadConstraints/0/nodeAffinityPolicy"},
	"spread by taints maybe":   {spread("nodeTaintsPolicy: Maybe"), "/topologySpreadConstraints/0/nodeTaintsPolicy"},
	"strategy of minus one":    {"updateStrategy: {rollingUpdate: {maxUnavailable: -1}}", "/updateStrategy/rollingUpdate/maxUnavailable"},
	"dead before it begins":    {"livenessProbe: {initialDelaySeconds: -1}", "/livenessProbe/initialDelaySeconds"},
	"dead all the time":        {"livenessProbe: {periodSeconds: 0}", "/livenessProbe/periodSeconds"},
	"dead at once":             {"livenessProbe: {timeoutSeconds: 0}", "/livenessProbe/timeoutSeconds"},
	"dead without a failure":   {"livenessProbe: {failureThreshold: 0}", "/livenessProbe/failureThreshold"},
	"alive without success":    {"livenessProbe: {successThreshold: 0}", "/livenessProbe/successThreshold"},
	"dead in no time":          {"livenessProbe: {terminationGracePeriodSeconds: 0}", "/livenessProbe/terminationGracePeriodSeconds"},
	"ready before it begins":   {"readinessProbe: {initialDelaySeconds: -1}", "/readinessProbe/initialDelaySeconds"},
	"ready at once":            {"readinessProbe: {timeoutSeconds: 0}", "/readinessProbe/timeoutSeconds"},
	"unready without failure":  {"readinessProbe: {failureThreshold: 0}", "/readinessProbe/failureThreshold"},
	"ready without success":    {"readinessProbe: {successThreshold: 0}", "/readinessProbe/successThreshold"},

	"older reclaim policy of the share": {"nfs: {reclaimPolicy: Keep}", "/nfs/reclaimPolicy"},
	"older mount option with a space":   {"nfs: {mountOptions: ['hard nolock']}", "/nfs/mountOptions/0"},
	"older class in capitals":           {"storageClass: {name: NFS}", "/storageClass/name"},
	"older provisioner with spaces":     {"storageClass: {provisionerName: my nfs}", "/storageClass/provisionerName"},
	"older archive that is no answer":   {"storageClass: {archiveOnDelete: maybe}", "/storageClass/archiveOnDelete"},
	"older unknown binding mode":        {"storageClass: {volumeBindingMode: Later}", "/storageClass/volumeBindingMode"},
	"older unknown reclaim policy":      {"storageClass: {reclaimPolicy: Recycle}", "/storageClass/reclaimPolicy"},
	"older unknown strategy":            {"strategyType: BlueGreen", "/strategyType"},
}

// TestSchema refuses values before they get anywhere, and names the place.
func TestSchema(t *testing.T) {
	for name, c := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := refuse(t, release{values: []string{minimal, c.values}})
			if !strings.Contains(said, c.says) {
				t.Errorf("helm says\n%s\nwithout the words %q", said, c.says)
			}
		})
	}
}

// TestMistakes refuses what a schema cannot see, in one sentence.
func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct{ values, says string }{
		"no shares": {"shares: []",
			"shares is empty: name at least one NFS export, for example"},
		"unknown share": {"storageClasses: [{name: nfs, share: fats}]",
			`storageClasses: class "nfs" names the share "fats", which is not one of shares: default.`},
		"two shares of one name": {"shares: [{name: a, server: s, path: /p}, {name: a, server: s, path: /q}]",
			`shares: the name "a" is given twice; each share needs a name of its own.`},
		"two classes of one name": {"storageClasses: [{name: a}, {name: a}]",
			`storageClasses: the name "a" is given twice; each class needs a name of its own.`},
		"two default classes": {"storageClasses: [{name: a, default: true}, {name: b, default: true}]",
			`storageClasses: "a" and "b" are both marked default; a cluster should have one default class. Leave default: true on one of them.`},
		"two replicas without a lease": {"leaderElection: {enabled: false}",
			"replicaCount is 2, but leaderElection.enabled is false: two replicas would write to a share at once. Set replicaCount to 1."},
		"a monitor of no service": {"metrics: {service: {enabled: false}, serviceMonitor: {enabled: true}}",
			"metrics.serviceMonitor is enabled, but metrics.service is not: there is no Service to monitor. Enable both."},
		"server with brackets": {"shares: [{name: a, server: '[fd00::1]', path: /p}]",
			`shares: the server of "a" is "[fd00::1]"; write an IPv6 address without brackets: fd00::1.`},
		"server with a path": {"shares: [{name: a, server: 's:/p', path: /p}]",
			`shares: the server of "a" is "s:/p"; write the host name or address alone, and the exported path in path.`},
		"server with a port": {"shares: [{name: a, server: 's:2049', path: /p}]",
			`shares: the server of "a" is "s:2049"; leave out the port, and write it as port=2049 in mountOptions, of the share and of its classes.`},
		"server with a dot at its end": {"shares: [{name: a, server: s.example.com., path: /p}]",
			`shares: the server of "a" is "s.example.com."; leave out the dot at its end: s.example.com.`},
		"server that is no name": {"shares: [{name: a, server: 'my server', path: /p}]",
			`shares: the server of "a" is "my server"; write a host name, an IPv4 or an IPv6 address.`},
		"path by a way around": {"shares: [{name: a, server: s, path: /p/../q}]",
			`shares: the path of "a" is "/p/../q"; write where it leads, without "." and "..".`},
		"a share in a share": {"shares: [{name: a, server: s, path: /p}, {name: b, server: S, path: /p/q}]",
			`shares: "a" (s:/p) and "b" (S:/p/q) are one, or one lies in the other: a directory would have two owners. Make them two directories side by side, or one share with several classes.`},
		"a share around a share": {"shares: [{name: a, server: s, path: /p}, {name: b, server: s, path: /}]",
			`shares: "a" (s:/p) and "b" (s:/) are one, or one lies in the other: a directory would have two owners. Make them two directories side by side, or one share with several classes.`},
		"usage all the time": {"shares: [{name: a, server: s, path: /p, usageInterval: 0h0m}]",
			`shares: the usageInterval of "a" is "0h0m"; it must be more than 0, or empty for never.`},
		"no time for an operation": {"operationTimeout: 0s",
			`operationTimeout is "0s"; it must be more than 0, or empty for the program's default.`},
		"inventory all the time": {"inventoryInterval: 0.0m",
			`inventoryInterval is "0.0m"; it must be more than 0, or empty for the program's default.`},
		"its own name as an older one": {"additionalProvisionerNames: [cluster.local/rel-nfs-provisioner]",
			`additionalProvisionerNames has "cluster.local/rel-nfs-provisioner", which is the name of this install itself: leave it out.`},
		"share as a parameter": {class("parameters: {share: default}"),
			`storageClasses: the class "a" has its share among its parameters; write share: default beside its name.`},
		"mode as a number": {class("parameters: {mode: 0770}"),
			`storageClasses: the mode of the class "a" is the number 504, and octal or decimal is anybody's guess; put it in quotes, as in mode: "0770".`},
		"uid of nobody at all": {class("parameters: {uid: 4294967295}"),
			`storageClasses: the uid of the class "a" is 4294967295; the largest is 4294967294.`},
		"gid too large": {class("parameters: {gid: '4294967296'}"),
			`storageClasses: the gid of the class "a" is 4294967296; the largest is 4294967294.`},
		"pattern without a dot": {class("parameters: {pathPattern: '${PVC.name}'}"),
			`storageClasses: the pathPattern of the class "a" has ${PVC.name}, which is not known; known are ${.PVC.namespace}, ${.PVC.name}, ${.PVC.labels.KEY}, ${.PVC.annotations.KEY} and ${.PV.name}.`},
		"pattern that is not closed": {class("parameters: {pathPattern: 'x/${.PVC.name'}"),
			`storageClasses: the pathPattern of the class "a" is "x/${.PVC.name", in which "${.PVC.name" is not closed by a }.`},
		"pattern in a pattern": {class("parameters: {pathPattern: '${.PVC.labels.app:-${.PVC.name}}'}"),
			`storageClasses: the pathPattern of the class "a" is "${.PVC.labels.app:-${.PVC.name}}", in which "${.PVC.labels.app:-${.PVC.name}" holds another variable; what follows :- is text.`},
		"pattern that leads up": {class("parameters: {pathPattern: '../${.PVC.name}'}"),
			`storageClasses: the pathPattern of the class "a" is "../${.PVC.name}"; it leads down from the share's root, without "." and "..", and without a slash at its beginning, at its end or beside another.`},
		"pattern from the root": {class("parameters: {pathPattern: '/${.PVC.name}'}"),
			`storageClasses: the pathPattern of the class "a" is "/${.PVC.name}"; it leads down from the share's root, without "." and "..", and without a slash at its beginning, at its end or beside another.`},
		"more asked for than allowed": {"resources: {requests: {memory: 1Gi}, limits: {memory: 600Mi}}",
			"resources: requests.memory is 1Gi, more than limits.memory, which is 600Mi."},
		"relative path": {"shares: [{name: a, server: s, path: p}]",
			`shares: the path of "a" is "p"; write it from the root of the server, with a slash at its beginning.`},
		"path with a slash at its end": {"shares: [{name: a, server: s, path: /p/}]",
			`shares: the path of "a" is "/p/"; leave out the slash at its end: /p.`},
		"path with a comma": {"shares: [{name: a, server: s, path: '/p,q'}]",
			`shares: the path of "a" is "/p,q"; it may have no comma, no control character, and no two slashes in a row.`},
		"path with a line feed": {`shares: [{name: a, server: s, path: "/p\nq"}]`,
			`shares: the path of "a" is "/p\nq"; it may have no comma, no control character, and no two slashes in a row.`},
		"rolling without a lease": {"replicaCount: 1\nleaderElection: {enabled: false}\nupdateStrategy: {type: RollingUpdate}",
			"updateStrategy is RollingUpdate, but leaderElection.enabled is false: the old pod and the new one would write to a share at once. Leave updateStrategy empty."},
		"a budget of nothing": {"podDisruptionBudget: {maxUnavailable: null}",
			"podDisruptionBudget has neither maxUnavailable nor minAvailable: give one, or set enabled to false."},
		"restricted root": {"securityProfile: restricted\npodSecurityContext: {runAsUser: 0}",
			"podSecurityContext.runAsUser is 0, but securityProfile is restricted, which is not for root. Give the number of the user that the shares belong to, or set securityProfile to baseline."},
		"the program's own variable": {"extraEnv: [{name: NFS_SHARES, value: x}]",
			"extraEnv: NFS_SHARES is made from shares; add a share there."},
		"one variable twice": {"extraEnv: [{name: A, value: one}, {name: A, value: two}]",
			`extraEnv: "A" is given twice.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := refuse(t, release{values: []string{minimal, c.values}})
			if !strings.Contains(said, "\n"+c.says) {
				t.Errorf("helm says\n%s\nwithout the line\n%s", said, c.says)
			}
		})
	}
}

// TestParameters: the schema and the program know the same parameters of a class.
func TestParameters(t *testing.T) {
	schema := readSchema(t)
	parameters, _ := schema.at("properties", "storageClasses", "items", "properties", "parameters", "properties").(map[string]any)
	known := slices.Collect(maps.Keys(parameters))

	// The program names what it knows when it is given what it does not know.
	_, err := provision.ParseParameters(map[string]string{"unheard-of": "x"})
	if err == nil {
		t.Fatal("the program accepts a parameter that nobody has heard of")
	}
	_, list, _ := strings.Cut(err.Error(), "known are ")
	theirs := strings.Split(list, ", ")

	slices.Sort(known)
	slices.Sort(theirs)
	if !slices.Equal(known, theirs) {
		t.Errorf("the chart's schema knows the parameters\n%v\nthe program knows\n%v", known, theirs)
	}
}

// TestPatterns: the chart takes a pattern that the program takes, and refuses one that it does not, as far as that can be
// told without a claim.
func TestPatterns(t *testing.T) {
	for _, pattern := range []string{
		provision.DefaultPathPattern, "${.PVC.namespace}/${.PVC.name}", "${.PVC.labels.app.kubernetes.io/name:-none}/${.PV.name}",
		"${.PVC.annotations.nfs.io/storage-path}", "a$b/{c}", "${.PVC.labels.a:-}", "${.PVC.labels.a:-b c}", "..a/b..",
		"${PVC.name}", "${.PVC.uid}", "${.PVC.labels}", "${.PVC.name", "${", "${}", "${.PVC.labels.a:-${.PV.name}}",
	} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			_, wrong := provision.ParsePattern(pattern)
			values := marshal(t, object{"storageClasses": []object{{"name": "a", "parameters": object{"pathPattern": pattern}}}})
			_, errs, refused := template(t, release{values: []string{minimal, values}})
			if (wrong != nil) != (refused != nil) {
				t.Errorf("the program says %v, helm says %v\n%s", wrong, refused, errs)
			}
		})
	}
}
