-- Asks Postern about a request (forward-auth) before HAProxy carries it on.
local POSTERN = "http://127.0.0.1:8787/auth/verify/forward-auth"

-- What Postern says of the caller, in place of whatever the client said; an empty
-- value takes the header away.
local WRITTEN = {
  "x-auth-subject", "x-auth-session", "x-auth-scope", "x-auth-actor",
  "x-auth-client", "x-auth-assertion", "authorization", "cookie",
}

-- Belongs to the connection, or to a body that is not sent along.
local LEFT_OUT = {
  ["connection"] = true, ["content-length"] = true, ["transfer-encoding"] = true,
  ["expect"] = true, ["host"] = true, ["upgrade"] = true, ["te"] = true,
}

local function values(field)
  local list = {}
  local index = 0
  while field ~= nil and field[index] ~= nil do
    list[#list + 1] = field[index]
    index = index + 1
  end
  return list
end

core.register_action("postern", { "http-req" }, function(txn)
  local asked = {}
  for name, field in pairs(txn.http:req_get_headers()) do
    if not LEFT_OUT[name] then asked[name] = values(field) end
  end
  asked["x-forwarded-method"] = { txn.sf:method() }
  asked["x-forwarded-uri"] = { txn.sf:pathq() }

  local said = core.httpclient():get({ url = POSTERN, headers = asked, timeout = 5000 })

  if said.status ~= 200 then
    local headers = {}
    for name, field in pairs(said.headers or {}) do
      if name ~= "content-length" and name ~= "transfer-encoding" and name ~= "connection" then
        headers[name] = values(field)
      end
    end
    -- No answer is no permission.
    local status = said.status or 0
    if status < 300 then status = 503 end
    txn:done(txn:reply({ status = status, headers = headers, body = said.body or "" }))
    return
  end

  for _, name in ipairs(WRITTEN) do
    txn.http:req_del_header(name)
    local value = values(said.headers[name])[1]
    if value ~= nil and value ~= "" then txn.http:req_set_header(name, value) end
  end
  for _, name in ipairs({ "access", "refresh", "csrf" }) do
    local value = values(said.headers["x-auth-set-cookie-" .. name])[1]
    if value ~= nil then txn:set_var("txn.postern_" .. name, value) end
  end
end)
