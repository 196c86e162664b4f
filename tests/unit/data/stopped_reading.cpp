// Reading of data that ends because the program was asked to stop, and files that would block it.
#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "compiler/support/stop_work.h"
#include "runtime/data/array_field.h"
#include "runtime/data/files/array_data.h"
#include "runtime/data/fingerprint/fingerprint.h"
#include "runtime/data/pictures/folder.h"
#include "runtime/data/synthetic.h"
#include "runtime/data/tables/table_field.h"
#include "runtime/files/tables/table_finder.h"
#include "runtime/output/npy.h"
#include "runtime/run/validation.h"
#include "tests/unit/data_png.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

Result<FolderFields> pictures_of(const TempFolder& folder, Diagnostics& diagnostics,
                                 bool skip_bad = true) {
    FolderOptions options;
    options.name = "image";
    options.fit = {4, 4, 1};
    options.skip_bad = skip_bad;
    return read_folder(folder.path(), options, diagnostics);
}

Dataset dataset_of(FieldPtr field) {
    Diagnostics diagnostics;
    return make_dataset({std::move(field)}, diagnostics).take();
}

TEST_CASE("all that may take long before training ends when the program is asked to stop") {
    const TempFolder pictures, files;
    for (const char* name : {"a.png", "b.png"})
        pictures.write(name, write_raw_png({.samples = {255U}}));
    Diagnostics diagnostics;
    const std::string npy = files.path("x.npy");
    REQUIRE(write_npy(npy, std::vector<int64_t>{4, 2}, std::vector<float>(8), diagnostics));
    const std::string csv = files.write("t.csv", "a,b\n1,2\n3,4\n");
    const Table table = find_table(csv, {}, diagnostics).take();
    const Dataset in_memory =
        dataset_of(std::make_shared<FloatField>(FieldInfo{"x", {1}, 4, 0}, std::vector<float>(4)));
    const Dataset in_files = dataset_of(pictures_of(pictures, diagnostics)->example);
    const std::vector<std::pair<std::string, std::function<bool()>>> works = {
        {"points", [&] { return make_synthetic("ring", "x", {}, diagnostics).ok(); }},
        {"shapes", [&] { return make_synthetic("shapes", "x", {}, diagnostics).ok(); }},
        {"table",
         [&] {
             return read_table(csv, {"row", table, 0, 0}, diagnostics).ok();
         }},
        {"array",
         [&] {
             return read_array({"npy", npy, ""}, {"x", {}}, diagnostics).ok();
         }},
        {"folder", [&] { return pictures_of(pictures, diagnostics).ok(); }},
        {"values", [&] { return !fingerprint(in_memory).empty(); }},
        {"files", [&] { return !fingerprint(in_files).empty(); }},
        {"split", [&] { return split_dataset(in_memory, 0.5, 1, diagnostics).ok(); }},
    };
    std::atomic<int> stop{0};
    const StoppableWork work(&stop);
    for (const auto& [name, run] : works) {
        INFO(name);
        stop = 0;
        CHECK(run());
        stop = 15;
        CHECK_THROWS_AS(run(), WorkStopped);
        const StoppableWork not_here(nullptr);
        CHECK(run());
    }
}

TEST_CASE("a pipe among pictures is none that can be read, and is not waited for") {
    const TempFolder folder;
    for (const char* name : {"a.png", "b.png"})
        folder.write(name, write_raw_png({.samples = {255U}}));
    Diagnostics diagnostics;
    const Dataset read = dataset_of(pictures_of(folder, diagnostics)->example);
    const Dataset dataset = dataset_of(pictures_of(folder, diagnostics, false)->example);
    CHECK_FALSE(fingerprint(read).empty());
    std::filesystem::remove(folder.path("b.png"));
    REQUIRE(mkfifo(folder.path("b.png").c_str(), 0600) == 0);
    CHECK(fingerprint(dataset).empty());
}

/// Removes a file of a folder once another one of it is opened.
class RemovedMeanwhile {
  public:
    RemovedMeanwhile(const TempFolder& folder, const std::string& opened, std::string removed)
        : events_(inotify_init1(IN_CLOEXEC)), thread_([this, removed = std::move(removed)] {
              char event[sizeof(inotify_event) + NAME_MAX + 1];
              if (read(events_, event, sizeof event) > 0) std::filesystem::remove(removed);
          }) {
        REQUIRE(inotify_add_watch(events_, folder.path(opened).c_str(), IN_OPEN) >= 0);
    }
    ~RemovedMeanwhile() {
        thread_.join();
        close(events_);
    }
    RemovedMeanwhile(const RemovedMeanwhile&) = delete;
    RemovedMeanwhile& operator=(const RemovedMeanwhile&) = delete;

  private:
    const int events_;
    std::thread thread_;
};

TEST_CASE("a picture that is gone once the folder is listed is none that is left out") {
    // The first one, which is read before all others, takes long.
    constexpr uint32_t kSize = 3000;
    const TempFolder folder;
    folder.write("a.png", write_raw_png({.height = kSize,
                                         .width = kSize,
                                         .samples = std::vector<uint32_t>(kSize * kSize)}));
    folder.write("b.png", "no picture");
    folder.write("c.png", write_raw_png({.samples = {255U}}));
    Diagnostics diagnostics;
    {
        const RemovedMeanwhile gone(folder, "a.png", folder.path("c.png"));
        CHECK_FALSE(pictures_of(folder, diagnostics).ok());
    }
    REQUIRE(diagnostics.count() == 1);
    CHECK(diagnostics.list().front().text.find(folder.path("c.png")) != std::string::npos);
    CHECK(pictures_of(folder, diagnostics).ok());  // without it, and without what is no picture
}

}  // namespace
}  // namespace gmc::runtime
