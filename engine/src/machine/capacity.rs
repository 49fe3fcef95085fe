//! What this process may use of the machine.

use std::path::Path;

use super::cgroup::{Groups, Limit, told};

const MEMORY: Limit = Limit {
    controller: "memory",
    version_1: "memory.limit_in_bytes",
    // A group above `memory.high` is slowed down until it hardly moves.
    version_2: &["memory.max", "memory.high"],
};

const PROCESSES: Limit = Limit { controller: "pids", version_1: "pids.max", version_2: &["pids.max"] };

/// What guests have together where the system does not tell its memory, in bytes.
const UNKNOWN: u64 = 16 << 30;

/// An instance takes five memory mappings, and some are left for the rest.
const MAPPINGS: u64 = 6;
const OTHER_MAPPINGS: u64 = 4096;

/// What this process may use of the machine: the smaller of what there is and what limits and control groups
/// (cgroups, as containers have them) allow. What the system does not tell is none.
///
/// ```
/// let machine = engine::machine::Machine::here();
/// if let Some(memory) = machine.memory {
///     assert!(machine.guest_memory() as u64 <= memory / 2);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Machine {
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Files, sockets and pipes that may be open at once.
    pub descriptors: Option<u64>,
    /// Processes and threads that this user may have (`ulimit -u`).
    pub user_threads: Option<u64>,
    /// Processes and threads that the control group may have.
    pub group_threads: Option<u64>,
    /// Memory mappings of a process.
    pub mappings: Option<u64>,
}

impl Machine {
    /// What the system tells now. Linux alone tells anything.
    #[must_use]
    pub fn here() -> Self {
        Self::under(Path::new("/"))
    }

    /// What it tells where `/` is at `root`.
    fn under(root: &Path) -> Self {
        let groups = Groups::under(root);
        let read = |path: &str| told(&root.join(path));
        let limits = read("proc/self/limits");
        let limit = |name: &str| soft_limit(limits.as_deref()?, name);
        let total = read("proc/meminfo").and_then(|text| total_memory(&text));
        Self {
            memory: [total, groups.least(&MEMORY)].into_iter().flatten().min(),
            descriptors: limit("Max open files"),
            user_threads: limit("Max processes"),
            group_threads: groups.least(&PROCESSES),
            mappings: read("proc/sys/vm/max_map_count").and_then(|count| count.trim().parse().ok()),
        }
    }

    /// What all instances of a pool may have together unless it is said, in bytes: half of the memory. The other
    /// half is for the host, its buffers, and the compiler. 16 GiB where the system does not tell.
    #[must_use]
    pub fn guest_memory(&self) -> usize {
        bytes(self.memory.map_or(UNKNOWN, |memory| memory / 2))
    }

    /// How many instances there are memory mappings for.
    #[must_use]
    pub fn most_instances(&self) -> usize {
        let room = |mappings: u64| (mappings.saturating_sub(OTHER_MAPPINGS) / MAPPINGS).max(1);
        self.mappings.map_or(usize::MAX, |mappings| bytes(room(mappings)))
    }
}

fn bytes(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// From `/proc/meminfo`, in bytes.
fn total_memory(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// From `/proc/self/limits`: the name, the soft limit, the hard one. `unlimited` is none.
fn soft_limit(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A machine whose files are these.
    fn machine(files: &[(&str, &str)]) -> Machine {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Machine::under(root.path())
    }

    /// 1 GiB of memory, and these files.
    fn with(files: &[(&str, &str)]) -> Machine {
        machine(&[&[("proc/meminfo", "MemTotal:  1048576 kB\nMemFree:  1 kB\n")], files].concat())
    }

    const V2: &str = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    const V1: &str = "\
31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
";

    #[test]
    fn without_cgroups_capacity_is_the_machines() {
        assert_eq!(with(&[]).memory, Some(1 << 30));
        assert_eq!(with(&[]).guest_memory(), 512 << 20);
        let limits = "Limit   Soft Limit   Hard Limit   Units\n\
                      Max processes   96364   96364   processes\n\
                      Max open files   1024   524288   files\n";
        let limited = with(&[("proc/self/limits", limits), ("proc/sys/vm/max_map_count", "65530\n")]);
        assert_eq!((limited.user_threads, limited.descriptors), (Some(96364), Some(1024)));
        assert_eq!((limited.mappings, limited.most_instances()), (Some(65530), 10_239));
    }

    #[test]
    fn an_unknown_system_gets_the_defaults() {
        let unknown = machine(&[]);
        assert_eq!(unknown, Machine::default());
        assert_eq!((unknown.guest_memory(), unknown.most_instances()), (16 << 30, usize::MAX));
    }

    #[test]
    fn a_cgroup_v2_limits_below_the_machine() {
        let group = |max: &str| {
            with(&[
                ("proc/self/mountinfo", V2),
                ("proc/self/cgroup", "0::/system.slice/engine.service\n"),
                ("sys/fs/cgroup/system.slice/engine.service/memory.max", max),
                ("sys/fs/cgroup/system.slice/engine.service/pids.max", "20\n"),
            ])
        };
        assert_eq!(group("268435456\n").memory, Some(256 << 20));
        assert_eq!(group("max\n").memory, Some(1 << 30));
        assert_eq!(group("1099511627776\n").memory, Some(1 << 30));
        assert_eq!(group("max\n").group_threads, Some(20));
    }

    #[test]
    fn limits_of_parent_cgroups_count() {
        let nested = with(&[
            ("proc/self/mountinfo", V2),
            ("proc/self/cgroup", "0::/pod/app/worker\n"),
            ("sys/fs/cgroup/pod/memory.max", "1000000\n"),
            ("sys/fs/cgroup/pod/app/memory.max", "max\n"),
            ("sys/fs/cgroup/pod/app/memory.high", "2000000\n"),
            ("sys/fs/cgroup/pod/app/worker/memory.max", "3000000\n"),
            ("sys/fs/cgroup/other/memory.max", "1\n"),
        ]);
        assert_eq!(nested.memory, Some(1_000_000));
    }

    #[test]
    fn a_cgroup_v1_has_a_hierarchy_per_controller() {
        let group = with(&[
            ("proc/self/mountinfo", V1),
            ("proc/self/cgroup", "9:name=systemd:/x\n8:pids:/docker/a\n4:memory:/docker/b\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "400000000\n"),
            ("sys/fs/cgroup/memory/docker/b/memory.limit_in_bytes", "500000000\n"),
            ("sys/fs/cgroup/pids/docker/a/pids.max", "7\n"),
            ("sys/fs/cgroup/pids/docker/a/memory.limit_in_bytes", "1\n"),
        ]);
        assert_eq!((group.memory, group.group_threads), (Some(400_000_000), Some(7)));
    }

    #[test]
    fn a_container_sees_only_its_own_cgroup() {
        // Docker without a namespace for groups: the mount begins at the container's group.
        let mount = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let limit = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "300000000\n");
        let inside = |group| with(&[("proc/self/mountinfo", mount), ("proc/self/cgroup", group), limit]);
        assert_eq!(inside("4:memory:/docker/abc\n").memory, Some(300_000_000));
        // Moved to a group that can't be seen from here.
        assert_eq!(inside("4:memory:/elsewhere\n").memory, Some(300_000_000));
        assert_eq!(inside("4:memory:/../../other\n").memory, Some(300_000_000));
        // With a namespace, but nothing mounted.
        assert_eq!(with(&[("proc/self/cgroup", "0::/\n")]).memory, Some(1 << 30));
    }

    #[test]
    fn a_mount_name_may_have_spaces() {
        let mount = r"31 23 0:28 / /my\040groups rw - cgroup2 cgroup2 rw";
        let files =
            [("proc/self/mountinfo", mount), ("proc/self/cgroup", "0::/a"), ("my groups/a/memory.max", "9")];
        assert_eq!(with(&files).memory, Some(9));
    }

    #[test]
    fn a_mount_name_that_is_not_utf8_hides_no_limit() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, bytes: &[u8]| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        write("proc/self/mountinfo", &[b"30 23 0:9 / /caf\xe9 rw - tmpfs none rw\n", V2.as_bytes()].concat());
        write("proc/self/cgroup", b"0::/a");
        write("sys/fs/cgroup/a/memory.max", b"9");
        assert_eq!(Machine::under(root.path()).memory, Some(9));
    }
}
