// Atomic files, PNG and npy: round trips and every error.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <limits>

#include "compiler/ir/artefact.h"
#include "compiler/support/temporary_files.h"
#include "runtime/data/files/array_data.h"
#include "runtime/data/pictures/picture_file.h"
#include "runtime/files/atomic_file.h"
#include "runtime/output/npy.h"
#include "runtime/output/png.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

/// While this exists, files cannot grow beyond `bytes`. That has the effect of a full disk.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) {
        old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &old_);
        const rlimit limited{bytes, old_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limited);
    }
    ~FileSizeLimit() {
        setrlimit(RLIMIT_FSIZE, &old_);
        std::signal(SIGXFSZ, old_handler_);
    }

  private:
    rlimit old_{};
    void (*old_handler_)(int) = nullptr;
};

TEST_CASE("an atomic file replaces the old one and leaves nothing else") {
    const TempFolder folder;
    const std::string path = folder.write("a", "old");
    Diagnostics diagnostics;
    {
        Result<AtomicFile> file = AtomicFile::create(path, diagnostics);
        REQUIRE(file);
        REQUIRE(file->write("new ", diagnostics));
        CHECK(read_text(path) == "old");
        REQUIRE(file->write("text", diagnostics));
        CHECK(file->bytes_written() == 8);
        REQUIRE(file->commit(diagnostics));
    }
    CHECK(read_text(path) == "new text");
    CHECK(folder.file_count() == 1);
    CHECK_FALSE(diagnostics.any());
}

TEST_CASE("an atomic file that is not committed never was") {
    const TempFolder folder;
    const std::string path = folder.write("a", "old");
    Diagnostics diagnostics;
    {
        Result<AtomicFile> file = AtomicFile::create(path, diagnostics, AtomicFile::Until::kNamed);
        REQUIRE(file);
        REQUIRE(file->write("new", diagnostics));
        CHECK(folder.file_count() == 2);
    }
    CHECK(read_text(path) == "old");
    CHECK(folder.file_count() == 1);
}

TEST_CASE("a file that is being written has no name that a killed writer could leave") {
    const TempFolder folder;
    Diagnostics diagnostics;
    using Until = AtomicFile::Until;
    for (const Until until : {Until::kUnnamed, Until::kNamed}) {
        Result<AtomicFile> file = AtomicFile::create(folder.path("a"), diagnostics, until);
        REQUIRE(file);
        REQUIRE(file->write("whole", diagnostics));
        const bool has_name = folder.file_count() > (until == Until::kNamed ? 1 : 0);
        if (until == Until::kUnnamed && has_name)
            WARN("not tested: this file system has no files without a name");
        else
            CHECK(has_name == (until == Until::kNamed));
        REQUIRE(file->write(" and more", diagnostics));
        REQUIRE(file->commit(diagnostics));
        CHECK(folder.file_count() == 1);
        CHECK(read_text(folder.path("a")) == "whole and more");
    }
}

TEST_CASE("what a killed writer left of a file is removed by the next one") {
    const TempFolder folder;
    // No process has this id: it is above the largest that Linux gives.
    const std::string abandoned = folder.write(".a.npy.tmp-2147483647-0", "half");
    const std::string other = folder.write(".b.npy.tmp-2147483647-0", "half");
    const std::string alive = folder.write(fmt::format(".a.npy.tmp-{}-99", getpid()), "half");
    Diagnostics diagnostics;
    CHECK(write_file_atomically(folder.path("a.npy"), "whole", diagnostics));
    CHECK_FALSE(std::filesystem::exists(abandoned));
    CHECK(std::filesystem::exists(other));
    CHECK(std::filesystem::exists(alive));
    remove_abandoned_files(folder.path(""));
    CHECK_FALSE(std::filesystem::exists(other));
}

TEST_CASE("pipes are written into and stay pipes, as devices do") {
    const TempFolder folder;
    const std::string path = folder.path("pipe");
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    Diagnostics unread;
    CHECK_FALSE(write_file_atomically(path, "text", unread));
    CHECK(only_error(unread).find("cannot be opened: ") != std::string::npos);
    const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
    REQUIRE(reader >= 0);
    Diagnostics diagnostics;
    CHECK(write_file_atomically(path, "text", diagnostics));
    CHECK(ir::write_file(path, " and more", diagnostics));
    char text[32] = {};
    CHECK(::read(reader, text, sizeof text) == 13);
    CHECK(std::string(text) == "text and more");
    ::close(reader);
    struct stat status {};
    CHECK((stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode)));
    CHECK(folder.file_count() == 1);
}

TEST_CASE("a full disk keeps the old file and says so") {
    const TempFolder folder;
    const std::string path = folder.write("a", "old");
    Diagnostics diagnostics;
    {
        const FileSizeLimit limit(1000);
        CHECK_FALSE(write_file_atomically(path, std::string(5000, 'x'), diagnostics));
    }
    CHECK(only_error(diagnostics) ==
          fmt::format("[disk-full] `{}` cannot be written after 1000 bytes: File too large", path));
    CHECK(read_text(path) == "old");
    CHECK(folder.file_count() == 1);
}

TEST_CASE("what is there already needs no room on a full disk") {
    const TempFolder folder;
    const std::string path = folder.write("a", "same");
    const FileSizeLimit limit(0);
    Diagnostics diagnostics;
    CHECK(write_file_atomically(path, "same", diagnostics));
    CHECK_FALSE(diagnostics.any());
    CHECK_FALSE(write_file_atomically(path, "some", diagnostics));
    CHECK_FALSE(write_file_atomically(path, "sam", diagnostics));
    CHECK(read_text(path) == "same");
}

TEST_CASE("an atomic file that failed stays failed") {
    const TempFolder folder;
    Diagnostics diagnostics;
    Result<AtomicFile> file = AtomicFile::create(folder.path("a"), diagnostics);
    REQUIRE(file);
    {
        const FileSizeLimit limit(10);
        CHECK_FALSE(file->write(std::string(20, 'x'), diagnostics));
    }
    CHECK_FALSE(file->write("y", diagnostics));
    CHECK_FALSE(file->commit(diagnostics));
    CHECK(diagnostics.count() == 1);
}

TEST_CASE("errors of places that cannot be written or read") {
    const TempFolder folder;
    const auto write_error = [](const std::string& path) {
        Diagnostics diagnostics;
        CHECK_FALSE(write_file_atomically(path, "x", diagnostics));
        return only_error(diagnostics);
    };
    CHECK(write_error(folder.path()).find("it is a directory") != std::string::npos);
    CHECK(write_error(folder.path("none/a")) ==
          fmt::format("[bad-file] `{0}/a` cannot be created in `{0}`: No such file or directory",
                      folder.path("none")));
    const auto read_error = [](const std::string& path) {
        Diagnostics diagnostics;
        CHECK_FALSE(read_whole_file(path, 2, diagnostics).ok());
        return only_error(diagnostics);
    };
    CHECK(read_error(folder.path("none")).find("No such file") != std::string::npos);
    CHECK(read_error(folder.path()).find("it is a directory") != std::string::npos);
    CHECK(read_error("/dev/zero").find("it is not a regular file") != std::string::npos);
    CHECK(read_error(folder.write("three", "abc")).starts_with("[too-large]"));
}

TEST_CASE("names as long as names can be") {
    const TempFolder folder;
    Diagnostics diagnostics;
    CHECK(write_file_atomically(folder.path(std::string(255, 'n')), "x", diagnostics));
    CHECK(diagnostics.render() == "");
}

TEST_CASE("png round trips") {
    const TempFolder folder;
    for (const int64_t channels : {1, 3}) {
        Image image = make_image(5, 7, channels, 0);
        for (size_t i = 0; i < image.pixels.size(); ++i)
            image.pixels[i] = static_cast<uint8_t>(i * 37);
        Diagnostics diagnostics;
        REQUIRE(write_png(folder.path("a.png"), image, diagnostics));
        Result<Image> back = read_picture(folder.path("a.png"), diagnostics);
        REQUIRE(back);
        CHECK(back->height == 5);
        CHECK(back->width == 7);
        CHECK(back->channels == channels);
        CHECK(back->pixels == image.pixels);
        CHECK(*encode_png(image, diagnostics) == read_text(folder.path("a.png")));
    }
}

TEST_CASE("png errors") {
    Diagnostics setup;
    const std::string good = *encode_png(make_image(20, 20, 1, 9), setup);
    const auto error_of = [](std::string_view bytes) {
        Diagnostics diagnostics;
        CHECK_FALSE(decode_picture(bytes, "a.png", diagnostics).ok());
        return only_error(diagnostics);
    };
    CHECK(error_of(good.substr(0, good.size() / 2)).starts_with("[bad-file]"));
    std::string corrupt = good;
    corrupt[good.find("IDAT") + 8] ^= 0x55;
    CHECK(error_of(corrupt).starts_with("[bad-file]"));
    Diagnostics diagnostics;
    CHECK_FALSE(encode_png(Image{1, int64_t{1} << 25, 1, std::vector<uint8_t>(size_t{1} << 25)},
                           diagnostics)
                    .ok());
    CHECK(only_error(diagnostics).starts_with("[too-large]"));
}

TEST_CASE("what is written as npy is read as it was") {
    const TempFolder folder;
    const std::vector<std::vector<int64_t>> shapes{{5}, {2, 3}, {4, 28, 28, 1}};
    for (const std::vector<int64_t>& shape : shapes) {
        size_t count = 1;
        for (const int64_t size : shape) count *= static_cast<size_t>(size);
        std::vector<float> values(count);
        for (size_t i = 0; i < count; ++i) values[i] = 0.1F * static_cast<float>(i);
        Diagnostics diagnostics;
        REQUIRE(write_npy(folder.path("a.npy"), shape, values, diagnostics));
        Result<FieldPtr> back =
            read_array({"npy", folder.path("a.npy"), ""}, {"x", {}}, diagnostics);
        INFO(diagnostics.render());
        REQUIRE(back);
        CHECK((*back)->shape() == std::vector<int64_t>(shape.begin() + 1, shape.end()));
        std::vector<float> read(count);
        for (int64_t i = 0; i < shape[0]; ++i)
            (*back)->read(i, read.data() + i * (*back)->elements());
        CHECK(read == values);
    }
}

TEST_CASE("npy headers are NumPy's own") {
    const int64_t shape[] = {3, 4};
    CHECK(npy_header(shape) == std::string("\x93NUMPY\x01\x00\x76\x00", 10) +
                                   "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }" +
                                   std::string(58, ' ') + "\n");
}

}  // namespace
}  // namespace gmc::runtime
