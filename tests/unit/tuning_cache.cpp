// The file of tuning measurements: what was recorded is read back, and what is broken counts as not
// measured.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "runtime/contractions/tuning_cache.h"
#include "tests/catch.h"

using namespace gmc;           // NOLINT: tests
using namespace gmc::runtime;  // NOLINT

namespace {

namespace fs = std::filesystem;

/// A path for a cache, below a folder that does not exist yet and is removed at the end.
class Folder {
  public:
    Folder() : path_(fs::temp_directory_path() / ("gmc-tuning-" + std::to_string(getpid()))) {}
    ~Folder() { fs::remove_all(path_); }
    /// Neither the file nor its folder exists yet.
    std::string file() const { return path_ / "deep" / "tuning.json"; }

  private:
    fs::path path_;
};

void save(TuningCache& cache) {
    Diagnostics diagnostics;
    INFO(diagnostics.render());
    REQUIRE(cache.save(diagnostics));
}

void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("what was measured comes back, for the machine it was measured on") {
    const Folder folder;
    TuningCache cache(folder.file(), "a machine");
    CHECK(cache.find("matmul") == nullptr);
    cache.record("matmul", {"onednn", {{"onednn", 12.5}, {"plain", 100}}});
    CHECK(cache.unsaved() == 1);
    save(cache);
    CHECK(cache.unsaved() == 0);
    CHECK(cache.measured() == 1);

    const TuningCache again(folder.file(), "a machine");
    REQUIRE(again.find("matmul") != nullptr);
    CHECK(again.find("matmul")->choice == "onednn");
    CHECK(again.find("matmul")->microseconds ==
          std::vector<std::pair<std::string, double>>{{"onednn", 12.5}, {"plain", 100}});
    CHECK(TuningCache(folder.file(), "another").find("matmul") == nullptr);
}

TEST_CASE("what a process that was killed left half written goes when the next one measures") {
    const Folder folder;
    const std::string left =
        (fs::path(folder.file()).parent_path() / ".tuning.json.tmp-2147483647-1").string();
    write(left, "{");
    TuningCache cache(folder.file(), "m");
    cache.begin_measuring();
    cache.end_measuring();
    CHECK_FALSE(fs::exists(left));
}

TEST_CASE("whoever measures waits first for what would disturb it") {
    const Folder folder;
    TuningCache cache(folder.file(), "a machine");
    cache.begin_measuring();
    int waited = 0;
    cache.before_measuring([&] { ++waited; });
    cache.begin_measuring();
    CHECK(waited == 1);
}

TEST_CASE("a process that holds the file and saves nothing is not waited for without end") {
    const Folder folder;
    TuningCache holder(folder.file(), "a machine"), other(folder.file(), "a machine");
    holder.begin_measuring();
    std::vector<bool> told;
    std::string file;
    other.set_patience(2);
    other.on_wait([&](const std::string& lock, bool gives_up) {
        told.push_back(gives_up);
        file = lock;
    });
    other.begin_measuring();
    CHECK(told == std::vector{false, true});
    CHECK(file == folder.file() + ".lock");
    CHECK(other.is_alone());
    other.record("matmul", {"plain", {}});
    other.end_measuring();
    save(other);
    CHECK(TuningCache(folder.file(), "a machine").find("matmul") == nullptr);
    other.begin_measuring();  // it is not waited for again
    CHECK(told.size() == 2);

    holder.end_measuring();
    TuningCache third(folder.file(), "a machine");
    third.begin_measuring();
    CHECK_FALSE(third.is_alone());
}

TEST_CASE("a process that saves while it holds the file is waited for") {
    const Folder folder;
    TuningCache holder(folder.file(), "a machine"), other(folder.file(), "a machine");
    holder.begin_measuring();
    int saved = 0;
    other.set_patience(20);
    other.stop_when([&] {  // whenever it asks
        if (++saved % 5 == 0) {
            holder.record("problem " + std::to_string(saved), {"plain", {}});
            save(holder);
        }
        if (saved == 60) holder.end_measuring();
        return false;
    });
    other.begin_measuring();
    CHECK_FALSE(other.is_alone());
    CHECK(saved == 60);
    CHECK(other.find("problem 60") != nullptr);
}

TEST_CASE("a doubtful choice is measured again by the next process, once") {
    const Folder folder;
    TuningCache first(folder.file(), "a machine");
    first.record("sure", {"tiled", {}, false, 1});
    first.record("doubtful", {"tiled", {{"tiled", 7}}, true, 2, {{"tiled", 0.75}}});
    CHECK_FALSE(first.wants_again("doubtful"));
    save(first);
    TuningCache second(folder.file(), "a machine");
    CHECK_FALSE(second.wants_again("never measured"));
    CHECK_FALSE(second.wants_again("sure"));
    CHECK(second.wants_again("doubtful"));
    CHECK(second.find("doubtful")->measurements == 2);
    CHECK(second.find("doubtful")->errors.at("tiled") == 0.75);
    second.record("doubtful", {"onednn", {}, true, 3});
    CHECK_FALSE(second.wants_again("doubtful"));

    TuningCache pinned(folder.file(), "a machine"), renewed(folder.file(), "a machine");
    pinned.pin({{"doubtful", "tiled"}});
    CHECK_FALSE(pinned.wants_again("doubtful"));
    renewed.renew();
    CHECK(renewed.wants_again("sure"));
}

TEST_CASE("two processes that save one after the other lose nothing") {
    const Folder folder;
    TuningCache first(folder.file(), "a machine"), second(folder.file(), "a machine");
    TuningCache elsewhere(folder.file(), "another");
    first.record("one", {"tiled", {}});
    second.record("two", {"few_channels", {}});
    elsewhere.record("one", {"plain", {}});
    save(first), save(second), save(elsewhere);
    const TuningCache both(folder.file(), "a machine");
    REQUIRE(both.find("one") != nullptr);
    REQUIRE(both.find("two") != nullptr);
    CHECK(both.find("one")->choice == "tiled");
    CHECK(both.find("two")->choice == "few_channels");
}

TEST_CASE("a file that is broken, of another version or shape counts as empty") {
    const Folder folder;
    for (const char* text :
         {"", "{", "[1]",
          "{\"gmc_tuning\": 2, \"machines\": {\"m\": {\"p\": {\"choice\": \"x\"}}}}",
          "{\"gmc_tuning\": 1, \"machines\": 3}", "{\"gmc_tuning\": 1, \"machines\": {\"m\": [1]}}",
          "{\"gmc_tuning\": 1, \"machines\": {\"m\": {\"p\": {\"choice\": 1}}}}",
          "{\"gmc_tuning\": 1, \"machines\": {\"m\": {\"p\": \"x\"}}}"}) {
        INFO(text);
        write(folder.file(), text);
        TuningCache cache(folder.file(), "m");
        CHECK(cache.find("p") == nullptr);
        cache.record("p", {"tiled", {}});
        save(cache);
        CHECK(TuningCache(folder.file(), "m").find("p") != nullptr);
    }
}

TEST_CASE("where the folder cannot be made, the reason is told") {
    const Folder folder;
    write(folder.file(), "{}");
    const std::string path = folder.file() + "-link/gmc/tuning.json";
    fs::create_symlink("nowhere", folder.file() + "-link");
    TuningCache cache(path, "m");
    cache.record("p", {"tiled", {}});
    Diagnostics diagnostics;
    CHECK_FALSE(cache.save(diagnostics));
    REQUIRE(diagnostics.count() == 1);
    const std::string& text = diagnostics.list().front().text;
    CHECK(text.starts_with(fmt::format("`{0}` cannot be created: its folder `{1}` cannot be made: ",
                                       path, folder.file() + "-link/gmc")));
    CHECK_FALSE(text.ends_with("No such file or directory"));
}

TEST_CASE("what cannot be kept is an error, and stays unsaved") {
    const Folder folder;
    write(folder.file() + "/in the way", "");  // a folder where the file should be
    TuningCache cache(folder.file(), "m");
    cache.record("p", {"tiled", {}});
    Diagnostics diagnostics;
    CHECK_FALSE(cache.save(diagnostics));
    CHECK(diagnostics.any());
    CHECK(cache.unsaved() == 1);
}
