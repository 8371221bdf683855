# frozen_string_literal: true

$LOAD_PATH.unshift(File.expand_path("../lib", __dir__), File.expand_path("..", __dir__))

require "minitest/autorun"
require "hyperglyph"
require "testee/typed"
require_relative "vectors"

# Typed values that can be compared.
module Vectors
  module_function

  # The same for two typed values that are the same: all spelled out, without order where there is none.
  def plain(typed)
    case typed["type"]
    when "unicode" then ["unicode", Typed.text(typed)]
    when "bytearray" then ["bytearray", Typed.octets(typed)]
    when "list" then ["list", list(typed)]
    when "set" then ["set", typed["items"].map { |item| plain(item) }.sort_by(&:inspect)]
    when "dict" then ["dict", pairs(typed).sort_by(&:inspect)]
    when "ordered_dict" then ["ordered_dict", pairs(typed)]
    when "extension" then ["extension", typed["name"], plain(typed["attributes"]), plain(typed["content"])]
    when "blob" then ["blob", plain(typed["attributes"]), Typed.octets(typed)]
    else typed.values_at("type", "value")
    end
  end

  def list(typed)
    return [plain(typed["repeat"])] * typed["times"] if typed.key?("repeat")

    typed["items"].map { |item| plain(item) }
  end

  def pairs(typed)
    typed["pairs"].map { |pair| pair.map { |part| plain(part) } }
  end

  # The value, or the kind and offset of the fault; fed in pieces of this size, or whole.
  def decode(wire, size = nil, limits: nil)
    return Hyperglyph::Codec.decode(wire, limits: limits) unless size

    decoder = Hyperglyph::Codec::Decoder.new(limits: limits)
    (0...wire.bytesize).step(size) { |from| decoder.feed(wire.byteslice(from, size)) }
    decoder.finish
  end

  def fault(wire, size = nil, limits: nil)
    decode(wire, size, limits: limits)
    nil
  rescue Hyperglyph::Codec::DecodeError => e
    [e.kind.to_s, e.offset]
  end
end
