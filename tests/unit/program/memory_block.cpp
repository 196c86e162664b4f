// Memory in huge and in small pages; how much of it modules take and processes get.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <vector>

#include "compiler/ir/text/parser.h"
#include "runtime/memory/address_sanitizer.h"
#include "runtime/memory/memory_block.h"
#include "runtime/memory/memory_need.h"
#include "tests/catch.h"
#include "tests/limited_child.h"
#include "tests/temporary_folder.h"

using namespace gmc;  // NOLINT
using namespace gmc::runtime;

namespace {

constexpr int64_t kPage = kBlockAlignment;
constexpr int64_t kBytes = 3 * kPage + 4096;

std::vector<float> numbers_in(const MemoryBlock& block) {
    return {block.floats(), block.floats() + kBytes / 4};
}

}  // namespace

TEST_CASE("a block is zero, aligned, and stays so when it is touched") {
    MemoryBlock block(kBytes);
    CHECK(reinterpret_cast<uintptr_t>(block.data()) % kPage == 0);
    block.touch(kBytes);
    CHECK(numbers_in(block) == std::vector<float>(kBytes / 4, 0.0F));
    CHECK(MemoryBlock().data() == nullptr);
    CHECK(MemoryBlock(0).data() == nullptr);
}

TEST_CASE("the pages before and behind a block cannot be touched") {
    const MemoryBlock block(kBytes);
    for (const int64_t at : {int64_t{-1}, align_up(kBytes, kPage)}) {
        const pid_t child = fork();
        if (child == 0) {
            signal(SIGSEGV, SIG_DFL);  // without a report of the tests or of a sanitizer
            *reinterpret_cast<volatile std::byte*>(block.data() + at) = std::byte{1};
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        CHECK(WIFSIGNALED(status));
    }
}

TEST_CASE("moving small pages to huge ones keeps contents and addresses") {
    MemoryBlock block(kBytes);
    CHECK_FALSE(block.make_huge());  // no small page is left
    block.use_small_pages(kPage);
    for (int64_t i = 0; i < kBytes / 4; ++i) block.floats()[i] = static_cast<float>(i % 1000);
    const std::vector<float> before = numbers_in(block);
    const std::byte* const address = block.data();
    int moved = 0;
    while (block.make_huge()) ++moved;
    CHECK(moved == 3);  // two whole huge pages, and the rest
    CHECK(block.data() == address);
    CHECK(numbers_in(block) == before);
}

TEST_CASE("small pages are touched until told to stop, without a word not at all") {
    MemoryBlock block(kBytes);
    block.use_small_pages(kPage);
    int asked = 0;
    block.touch(kBytes, [&] { return ++asked == 2; });
    CHECK(asked == 2);
    block.touch(kBytes);
    CHECK(numbers_in(block) == std::vector<float>(kBytes / 4, 0.0F));
}

TEST_CASE("a module needs its states and the arena of its largest function") {
    Diagnostics diagnostics;
    const auto module = ir::parse_module("m",
                                         "gmc 2\nmodel \"m\"\nstate @w : f32[33] parameter = ones\n"
                                         "state @v : f32[1] slot = zeros\n"
                                         "func @f() arena 640 unplanned 640 {\n}\n"
                                         "func @g() arena 64 unplanned 64 {\n}\n",
                                         diagnostics);
    REQUIRE(module.ok());
    const MemoryNeed need = memory_need(*module);
    CHECK(need.states == (64 + 32) * 4);  // each state begins at a multiple of 32 elements
    CHECK(need.arena == 640);
    CHECK(need.total() == need.states + need.arena);
    CHECK(why_too_large(need, {need.total(), "?"}).empty());
    CHECK(why_too_large(need, {need.total() - 1, "the test allows little"}) ==
          "states take 384 B, values 640 B, but the test allows little");
    const MemoryNeed training = training_need(*module);
    CHECK(training.copies == need.states);  // nothing trains @w
    CHECK(
        why_too_large(training, {0, "the test allows nothing"}) ==
        "states take 384 B, values 640 B and copies of states 384 B, but the test allows nothing");
}

TEST_CASE("what is left is no more than what there is") {
    const MemoryLimit left = memory_limit(), all = memory_of_machine();
    CHECK(left.bytes > 0);
    CHECK(left.bytes <= all.bytes);
    CHECK_FALSE(left.reason.empty());
    CHECK_FALSE(all.reason.empty());
}

TEST_CASE("what this process will ask for yet is not left for data") {
    CHECK(memory_limit().bytes > 0);
    expect_to_ask_for(int64_t{1} << 60);
    CHECK(memory_limit().bytes == 0);
    expect_to_ask_for(0);
    CHECK(memory_limit().bytes > 0);
}

#ifndef __SANITIZE_THREAD__  // it takes more memory for itself than the limits here leave
TEST_CASE("limits of address space and of writable memory count") {
    for (const auto& [resource, reason] :
         {std::pair(RLIMIT_AS, "`ulimit -v`"), std::pair(RLIMIT_DATA, "`ulimit -d`")}) {
        INFO(reason);
        CHECK(in_limited_child(resource, rlim_t{1} << 30, [&reason = reason] {
            const MemoryLimit left = memory_limit();
            return left.bytes < (int64_t{1} << 30) && left.reason.starts_with(reason);
        }));
    }
}
#endif

namespace {

/// /proc and /sys of another machine, with 4 GiB of which half is free.
class FakeSystem {
  public:
    FakeSystem() { write("proc/meminfo", "MemTotal: 4194304 kB\nMemAvailable: 2097152 kB\n"); }
    void write(const std::string& file, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(path(file)).parent_path());
        std::ofstream(path(file)) << text;
    }
    std::string root() const { return folder_ / "."; }

  private:
    std::string path(const std::string& file) const { return folder_ / file; }
    TemporaryFolder folder_;
};

constexpr int64_t kMebibyte = int64_t{1} << 20;

}  // namespace

TEST_CASE("what a process has asked for and not touched is known, and needs room") {
#ifdef __SANITIZE_THREAD__
    return;  // asks for terabytes itself
#endif
    if (kAddressSanitizer) return;  // so does this one
    constexpr int64_t kBytes = 256 << 20;
    const int64_t before = untouched_memory();
    MemoryBlock block(kBytes);
    const int64_t asked = untouched_memory() - before;
    CHECK(asked > kBytes * 3 / 4);
    std::memset(block.data(), 1, kBytes);
    CHECK(untouched_memory() - before < asked - kBytes * 3 / 4);
    CHECK(why_no_room(1).empty());
    CHECK(why_no_room(int64_t{1} << 60).starts_with("it takes 1048576.0 TiB more, but"));
}

TEST_CASE("control groups of version 2 limit memory, and so do those around them") {
    const FakeSystem system;
    CHECK(memory_limit(system.root()).bytes == 2048 * kMebibyte);
    system.write("proc/self/cgroup", "0::/user.slice/session.scope\n");
    system.write("sys/fs/cgroup/user.slice/session.scope/memory.max", "max\n");
    system.write("sys/fs/cgroup/user.slice/memory.max", "1073741824\n");
    system.write("sys/fs/cgroup/user.slice/memory.current", "536870912\n");
    system.write("sys/fs/cgroup/user.slice/memory.stat", "anon 1\ninactive_file 268435456\n");
    CHECK(memory_limit(system.root()).bytes == 744 * kMebibyte);
    CHECK(memory_limit(system.root()).reason == "this process's control group leaves 744.0 MiB");
    CHECK(memory_of_machine(system.root()).bytes == 1024 * kMebibyte);
    system.write("sys/fs/cgroup/user.slice/session.scope/memory.max", "104857600\n");
    CHECK(memory_limit(system.root()).bytes == 76 * kMebibyte);
    // In a container, where the path is the host's.
    system.write("proc/self/cgroup", "0::/docker/0123\n");
    CHECK(memory_limit(system.root()).bytes == 2048 * kMebibyte);
    system.write("sys/fs/cgroup/memory.max", "52428800\n");
    CHECK(memory_limit(system.root()).bytes == 26 * kMebibyte);
    // What gmrun has touched already is part of what the group uses.
    system.write("sys/fs/cgroup/memory.current", "12582912\n");
    system.write("proc/self/status", "VmRSS: 10240 kB\n");
    CHECK(memory_limit(system.root()).bytes == (50 - 12 - 24 + 10) * kMebibyte);
    system.write("sys/fs/cgroup/memory.max", "20971520\n");
    CHECK(memory_limit(system.root()).bytes == 0);
    CHECK(memory_limit(system.root()).none_beside_program);
    CHECK(memory_limit(system.root()).reason ==
          "this process's control group leaves 8.0 MiB, and gmrun itself needs about 14.0 MiB");
}

TEST_CASE("control groups of version 1 limit memory, too") {
    const FakeSystem system;
    system.write("proc/self/cgroup", "12:cpu,cpuacct:/a\n5:memory:/a/b\n0::/\n");
    system.write("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
    CHECK(memory_limit(system.root()).bytes == 2048 * kMebibyte);
    system.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "209715200\n");
    system.write("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "104857600\n");
    system.write("sys/fs/cgroup/memory/a/memory.stat", "cache 9\ntotal_inactive_file 52428800\n");
    CHECK(memory_limit(system.root()).bytes == 126 * kMebibyte);
    system.write("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "409715200\n");
    CHECK(memory_limit(system.root()).bytes == 0);  // more in use than is allowed now
}

TEST_CASE("where parts of data take the memory that is missing, that is said") {
    const FakeSystem system;
    system.write("proc/self/cgroup", "0::/a\n");
    const int64_t most = untouched_memory() + 80 * kMebibyte;
    system.write("sys/fs/cgroup/a/memory.max", std::to_string(most));
    CHECK(why_no_room(kMebibyte, system.root()).empty());
    CHECK(why_no_room(100 * kMebibyte, system.root()).find("parts of data") == std::string::npos);
    CHECK_FALSE(would_fit_without_windows(100 * kMebibyte, system.root()));
    const MemoryOfWindow window(60 * kMebibyte);
    CHECK(why_no_room(100 * kMebibyte, system.root())
              .find(" more, 60.0 MiB of them for parts of data that are read from their file, but "
                    "this process's control group leaves ") != std::string::npos);
    CHECK(would_fit_without_windows(100 * kMebibyte, system.root()));
    CHECK_FALSE(would_fit_without_windows(200 * kMebibyte, system.root()));
}

TEST_CASE("sizes have units") {
    CHECK(memory_text(512) == "512 B");
    CHECK(memory_text(1536) == "1.5 KiB");
    CHECK(memory_text(int64_t{5} << 30) == "5.0 GiB");
    CHECK(memory_text(int64_t{5} << 50) == "5120.0 TiB");
}
