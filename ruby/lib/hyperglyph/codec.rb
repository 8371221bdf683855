# frozen_string_literal: true

require_relative "errors"
require_relative "limits"
require_relative "values"
require_relative "codec/literals"
require_relative "codec/chunks"
require_relative "codec/decoder"
require_relative "codec/encoder"

module Hyperglyph
  # Messages of part I of the standard.
  #
  # nil, true, false, Integer, Float, String (text; in Encoding::BINARY a bytearray), Symbol (text),
  # Array, Set, Hash (a dict), OrderedHash, Time and DateTime, Duration, Period, Extension and Blob have
  # an encoding. A key of a dict and an item of a set is no Hash, Extension or Blob; a bytearray there
  # comes as Bytes.
  module Codec
    # Octets that are read from an IO at a time.
    PIECE = 65_536

    module_function

    # The message for `value`, a String in Encoding::BINARY; with `canonical` its canonical form
    # (chapter 11). EncodeError for what has no encoding or is beyond the limits.
    def encode(value, canonical: false, limits: nil)
      output = nil
      Encoder.new(canonical: canonical, limits: limits).encode(value) do |piece|
        output ? output << piece : output = piece
      end
      output
    end

    # Writes the message to `io`, by its `write`, the content of blobs piece by piece. Nothing has been
    # written if the value has no encoding. Errors of `io`, and of blobs that are read, are theirs;
    # EncodeError for a blob that turns out to be longer than the limits allow.
    def encode_to(io, value, canonical: false, limits: nil)
      Encoder.new(canonical: canonical, limits: limits).encode(value) { |piece| io.write(piece) }
      io
    end

    # The value of a message, given as a String or as what can be read to its end by `read(n)`.
    # DecodeError for all that is no message, TypeError for what is neither. Errors of the IO are its own.
    def decode(source, limits: nil)
      decoder = Decoder.new(limits: limits)
      if source.respond_to?(:read)
        while (piece = source.read(PIECE)) && !piece.empty?
          decoder.feed(piece)
        end
      else
        decoder.feed(source)
      end
      decoder.finish
    ensure
      decoder&.close unless decoder&.finished?
    end
  end
end
