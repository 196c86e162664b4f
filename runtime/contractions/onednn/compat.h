// Hides the differences between oneDNN 2.6 (Debian 12), 3.1 (Ubuntu 24.04) and 3.7 (Debian 13). 2.x
// describes an operation in a `desc` and makes a primitive_desc from it; 3.x makes the
// primitive_desc at once. No other file uses DNNL_VERSION.
#pragma once

#include <dnnl.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace gmc::runtime::compat {

/// Strides, dilations (oneDNN counts from 0, which is dense) and padding of a convolution.
struct Window {
    dnnl::memory::dims strides, dilations, pads_begin, pads_end;
};

namespace detail {

/// A primitive_desc with what it was made from: its hints and, in 2.x, the `desc`. next_impl()
/// reads them through pointers, so they have to live as long.
template <typename Primitive>
struct Described : Primitive::primitive_desc {
    std::shared_ptr<const void> made_from;
};

/// Makes the primitive_desc of an operation from the arguments of oneDNN 3; empty when nothing
/// implements it. Hints (the forward primitive_desc of a backward one) come after the attributes.
template <typename Primitive, typename... Hint, typename... Args>
Described<Primitive> make(const dnnl::engine& engine, const dnnl::primitive_attr& attributes,
                          const std::tuple<Args...>& args, const Hint&... hint) {
#if DNNL_VERSION_MAJOR >= 3
    const auto kept = std::make_shared<const std::tuple<Hint...>>(hint...);
    return std::apply(
        [&](const Args&... a) {
            return Described<Primitive>{{engine, a..., std::get<Hint>(*kept)..., attributes, true},
                                        kept};
        },
        args);
#else
    using Desc = typename Primitive::desc;
    const auto kept = std::make_shared<const std::tuple<Desc, Hint...>>(
        std::make_from_tuple<Desc>(args), hint...);
    return Described<Primitive>{
        {std::get<Desc>(*kept), attributes, engine, std::get<Hint>(*kept)..., true}, kept};
#endif
}

}  // namespace detail

inline auto conv_forward(const dnnl::engine& engine, const dnnl::memory::desc& src,
                         const dnnl::memory::desc& weights, const dnnl::memory::desc& dst,
                         const Window& w, const dnnl::primitive_attr& attributes) {
    // Declared as training, not inference: with inference oneDNN could choose layouts that store
    // more than the values of a weight.
    return detail::make<dnnl::convolution_forward>(
        engine, attributes,
        std::tuple{dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, src,
                   weights, dst, w.strides, w.dilations, w.pads_begin, w.pads_end});
}

inline auto conv_backward_data(const dnnl::engine& engine, const dnnl::memory::desc& diff_src,
                               const dnnl::memory::desc& weights,
                               const dnnl::memory::desc& diff_dst, const Window& w,
                               const dnnl::convolution_forward::primitive_desc& hint,
                               const dnnl::primitive_attr& attributes) {
    return detail::make<dnnl::convolution_backward_data>(
        engine, attributes,
        std::tuple{dnnl::algorithm::convolution_direct, diff_src, weights, diff_dst, w.strides,
                   w.dilations, w.pads_begin, w.pads_end},
        hint);
}

inline auto conv_backward_weights(const dnnl::engine& engine, const dnnl::memory::desc& src,
                                  const dnnl::memory::desc& diff_weights,
                                  const dnnl::memory::desc& diff_dst, const Window& w,
                                  const dnnl::convolution_forward::primitive_desc& hint,
                                  const dnnl::primitive_attr& attributes) {
    return detail::make<dnnl::convolution_backward_weights>(
        engine, attributes,
        std::tuple{dnnl::algorithm::convolution_direct, src, diff_weights, diff_dst, w.strides,
                   w.dilations, w.pads_begin, w.pads_end},
        hint);
}

inline auto matmul(const dnnl::engine& engine, const dnnl::memory::desc& a,
                   const dnnl::memory::desc& b, const dnnl::memory::desc& c,
                   const dnnl::primitive_attr& attributes) {
    return detail::make<dnnl::matmul>(engine, attributes, std::tuple{a, b, c});
}

inline dnnl::memory::dims dims_of(const dnnl::memory::desc& desc) {
#if DNNL_VERSION_MAJOR >= 3
    return desc.get_dims();
#else
    return desc.dims();
#endif
}

/// True when the library in use, which may be newer than its headers, is older than major.minor.
inline bool library_before(int major, int minor) {
    const dnnl_version_t* version = dnnl_version();
    return version->major < major || (version->major == major && version->minor < minor);
}

/// The version of the library in use, such as "2.6.3".
inline std::string library_version() {
    const dnnl_version_t* version = dnnl_version();
    return std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
           std::to_string(version->patch);
}

}  // namespace gmc::runtime::compat
