// Reads deflated data at any place. Deflate can only be read from its start, except where one knows
// the 32 KB of contents before a block: so these are kept, compressed themselves, about every
// megabyte ("points"). A read begins at the point before its place and drops what it does not want.
// The idea is that of zran.c, an example of zlib's.
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "runtime/files/random_bytes.h"

namespace gmc::runtime {
namespace {

// Bytes of contents from one point to the next: the index takes 32 KB, before compression, per MB.
constexpr uint64_t kSpan = uint64_t{1} << 20;
/// How far back deflate may refer (RFC 1951).
constexpr size_t kWindowBytes = 32768;
/// Bytes of compressed input that are read at a time.
constexpr size_t kInputBytes = 65536;
constexpr int kRawDeflate = -15, kGzip = 31;  // zlib's windowBits: a raw stream, a gzip one

/// Where inflating can begin.
struct Point {
    uint64_t contents = 0;        ///< offset of the first byte that is inflated from here
    uint64_t packed = 0;          ///< offset of the first whole byte of input
    int bits = 0;                 ///< of the byte before it that belong to the input, 0 to 7
    std::vector<uint8_t> window;  ///< compressed by zlib; empty where nothing is before
};

/// A zlib stream that ends itself.
struct Stream {
    explicit Stream(int window_bits) : good(inflateInit2(&z, window_bits) == Z_OK) {}
    ~Stream() { inflateEnd(&z); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    z_stream z{};
    bool good;
};

/// Reads deflated contents at any place. `index` goes through all of them once and sets points;
/// `read` begins at the last point before its place. A point costs 32 KB before it is compressed
/// itself, and lies about a megabyte behind the one before.
class DeflatedBytes final : public RandomBytes {
  public:
    DeflatedBytes(std::unique_ptr<RandomBytes> packed, std::string name)
        : packed_(std::move(packed)), name_(std::move(name)) {}

    [[nodiscard]] bool index(DeflateWrapper wrapper, Diagnostics& diagnostics);
    Result<size_t> read(uint64_t offset, void* dst, size_t size, Diagnostics& diagnostics) override;

  private:
    bool report(uint64_t packed, const char* reason, Diagnostics& diagnostics) const {
        diagnostics.error(DiagnosticKind::kBadFile, {},
                          "`{}` is corrupt or cut short at about byte {} of its compressed data "
                          "({})",
                          name_, packed, reason);
        return false;
    }
    void add_point(const z_stream& z, uint64_t contents, uint64_t packed,
                   const std::vector<uint8_t>& ring);
    bool begin_at(const Point& point, Stream& stream, Diagnostics& diagnostics);
    /// Inflates from `point`: drops `skip` bytes, then fills `dst`.
    bool inflate_from(const Point& point, uint64_t skip, uint8_t* dst, size_t size,
                      Diagnostics& diagnostics);

    const std::unique_ptr<RandomBytes> packed_;
    const std::string name_;
    std::vector<Point> points_;
    uint64_t contents_bytes_ = 0;
};

/// `ring` holds the last 32 KB of contents, of which z.avail_out are the oldest.
void DeflatedBytes::add_point(const z_stream& z, uint64_t contents, uint64_t packed,
                              const std::vector<uint8_t>& ring) {
    Point point{contents, packed, z.data_type & 7, {}};
    std::vector<uint8_t> window(ring.end() - z.avail_out, ring.end());
    window.insert(window.end(), ring.begin(), ring.end() - z.avail_out);
    uLongf bytes = compressBound(kWindowBytes);
    point.window.resize(bytes);
    compress2(point.window.data(), &bytes, window.data(), kWindowBytes, Z_BEST_SPEED);
    point.window.resize(bytes);
    point.window.shrink_to_fit();
    points_.push_back(std::move(point));
}

/// Inflates all of it once into a ring of 32 KB, stopping at each block (Z_BLOCK), and notes a
/// point where a megabyte has passed since the last one. Bit 7 of data_type says that a block has
/// ended, bit 6 that it was the last, the lower bits how many bits of the last byte are unused.
bool DeflatedBytes::index(DeflateWrapper wrapper, Diagnostics& diagnostics) {
    Stream stream(wrapper == DeflateWrapper::kGzip ? kGzip : kRawDeflate);
    z_stream& z = stream.z;
    std::vector<uint8_t> input(kInputBytes), ring(kWindowBytes);
    uint64_t read_bytes = 0;  // of the packed ones
    bool ended = false;       // all of them were read
    bool member_begins = wrapper == DeflateWrapper::kGzip;
    // Without a header inflate() does not stop before the first block.
    if (!member_begins) points_.push_back({});
    for (;;) {
        if (z.avail_in == 0 && !ended) {
            const Result<size_t> got =
                packed_->read(read_bytes, input.data(), input.size(), diagnostics);
            if (!got) return false;
            ended = *got == 0;  // zlib may still hold output
            read_bytes += *got;
            z.next_in = input.data();
            z.avail_in = static_cast<uInt>(*got);
        }
        if (z.avail_out == 0) {
            z.avail_out = kWindowBytes;
            z.next_out = ring.data();
        }
        const uInt room = z.avail_out;
        const int code = inflate(&z, Z_BLOCK);
        contents_bytes_ += room - z.avail_out;
        const uint64_t place = read_bytes - z.avail_in;
        // Between members the file may end; padding behind the last one is no member.
        const bool whole = member_begins && !points_.empty();
        if (code == Z_DATA_ERROR && whole) return true;
        if (code == Z_BUF_ERROR && ended)
            return whole || report(place, "it ends too early", diagnostics);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return report(place, z.msg == nullptr ? "no good data" : z.msg, diagnostics);
        if (code == Z_STREAM_END) {
            if (wrapper == DeflateWrapper::kNone) return true;
            inflateReset(&z);
            member_begins = true;
            continue;
        }
        const bool between_blocks = (z.data_type & 128) != 0 && (z.data_type & 64) == 0;
        if (!between_blocks) continue;
        if (member_begins) {
            // The header has been read. Nothing that follows refers to what is before.
            points_.push_back({contents_bytes_, place, z.data_type & 7, {}});
            member_begins = false;
        } else if (contents_bytes_ - points_.back().contents >= kSpan) {
            add_point(z, contents_bytes_, place, ring);
        }
    }
}

/// Sets a stream to a point: the bits left over of a byte, and the window.
bool DeflatedBytes::begin_at(const Point& point, Stream& stream, Diagnostics& diagnostics) {
    if (point.bits > 0) {
        uint8_t byte = 0;
        const Result<size_t> got = packed_->read(point.packed - 1, &byte, 1, diagnostics);
        if (!got) return false;
        inflatePrime(&stream.z, point.bits, byte >> (8 - point.bits));
    }
    if (point.window.empty()) return true;
    std::vector<uint8_t> window(kWindowBytes);
    uLongf bytes = kWindowBytes;
    return uncompress(window.data(), &bytes, point.window.data(), point.window.size()) == Z_OK &&
           inflateSetDictionary(&stream.z, window.data(), kWindowBytes) == Z_OK;
}

/// Works with buffers of its own, so several threads can read at once. What is dropped goes into a
/// small buffer over and over, since nobody wants it.
bool DeflatedBytes::inflate_from(const Point& point, uint64_t skip, uint8_t* dst, size_t size,
                                 Diagnostics& diagnostics) {
    Stream stream(kRawDeflate);
    if (!stream.good || !begin_at(point, stream, diagnostics)) return false;
    z_stream& z = stream.z;
    std::vector<uint8_t> input(kInputBytes), dropped(kWindowBytes);
    uint64_t place = point.packed;
    bool ended = false;
    while (skip > 0 || size > 0) {
        if (z.avail_in == 0 && !ended) {
            const Result<size_t> got =
                packed_->read(place, input.data(), input.size(), diagnostics);
            if (!got) return false;
            ended = *got == 0;  // zlib may still hold output
            place += *got;
            z.next_in = input.data();
            z.avail_in = static_cast<uInt>(*got);
        }
        const size_t room = skip > 0 ? std::min<uint64_t>(skip, dropped.size()) : size;
        z.next_out = skip > 0 ? dropped.data() : dst;
        z.avail_out = static_cast<uInt>(std::min<size_t>(room, size_t{1} << 30));
        const uInt before = z.avail_out;
        const int code = inflate(&z, Z_NO_FLUSH);
        const size_t got = before - z.avail_out;
        if (skip > 0) {
            skip -= got;
        } else {
            dst += got;
            size -= got;
        }
        if (code == Z_BUF_ERROR && ended) return report(place, "it ends too early", diagnostics);
        if (code != Z_OK && code != Z_BUF_ERROR && (skip > 0 || size > 0))
            return report(place - z.avail_in, z.msg == nullptr ? "no good data" : z.msg,
                          diagnostics);
    }
    return true;
}

/// A read across several points is done in pieces, each from its own point; then no piece inflates
/// more than a megabyte that it drops.
Result<size_t> DeflatedBytes::read(uint64_t offset, void* dst, size_t size,
                                   Diagnostics& diagnostics) {
    if (offset >= contents_bytes_) return size_t{0};
    size = std::min<uint64_t>(size, contents_bytes_ - offset);
    for (size_t done = 0; done < size;) {
        // The last point at or before the place, and what is inflated from there.
        const uint64_t at = offset + done;
        const auto next =
            std::upper_bound(points_.begin(), points_.end(), at,
                             [](uint64_t o, const Point& p) { return o < p.contents; });
        const uint64_t end = next == points_.end() ? contents_bytes_ : next->contents;
        const size_t piece = std::min<uint64_t>(size - done, end - at);
        const Point& point = *std::prev(next);
        if (!inflate_from(point, at - point.contents, static_cast<uint8_t*>(dst) + done, piece,
                          diagnostics))
            return Failure{};
        done += piece;
    }
    return size;
}

}  // namespace

Result<std::unique_ptr<RandomBytes>> index_deflated_bytes(std::unique_ptr<RandomBytes> packed,
                                                          DeflateWrapper wrapper,
                                                          const std::string& name,
                                                          Diagnostics& diagnostics) {
    auto bytes = std::make_unique<DeflatedBytes>(std::move(packed), name);
    if (!bytes->index(wrapper, diagnostics)) return Failure{};
    return std::unique_ptr<RandomBytes>(std::move(bytes));
}

}  // namespace gmc::runtime
